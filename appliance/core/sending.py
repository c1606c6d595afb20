"""Stored files as answers: the app decides, Nginx sends the bytes."""

from __future__ import annotations

from fastapi import Response


def stored_file(key: str, media_type: str, *, cache: str, disposition: str = "inline") -> Response:
    """An answer that makes Nginx send the stored file ``key``: ranges, conditional requests and
    ``HEAD`` are its work. ``cache`` goes into ``Cache-Control``.
    """
    return Response(
        media_type=media_type,
        headers={
            "X-Accel-Redirect": f"/_media/{key}",
            "Content-Disposition": disposition,
            "Cache-Control": cache,
        },
    )
