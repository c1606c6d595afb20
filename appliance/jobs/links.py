"""The addresses of a job's pictures, as paths."""

from __future__ import annotations


def public_path(job_id: object) -> str:
    """The path of a result's public link."""
    return f"/public/results/{job_id}"


def page_path(job_id: object) -> str:
    """The path of a guest's page: the link that guests are given."""
    return f"/r/{job_id}"


def qr_path(job_id: object) -> str:
    """The path of the QR code of a guest's link."""
    return f"{public_path(job_id)}/qr.png"


def preview_path(job_id: object) -> str:
    """The path of a result's preview, for those who are logged in."""
    return f"/api/jobs/{job_id}/preview"


def download_path(job_id: object) -> str:
    """The path of a result for those who are logged in: hidden ones too."""
    return f"/api/jobs/{job_id}/result"


def source_path(job_id: object) -> str:
    """The path of the guest's own photo, where it is kept."""
    return f"/api/jobs/{job_id}/source"
