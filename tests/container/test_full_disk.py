"""A disk that runs full: photos are refused while the database can still write, and taken again after."""

from __future__ import annotations

from tests.container.stack import ContainerStack
from tests.support.photos import portrait_jpeg


def test_photos_are_refused_before_the_disk_is_full(small: ContainerStack) -> None:
    shot = small.shot(portrait_jpeg())
    before = int(small.sql("select count(*) from job_history"))
    assert small.send("/api/ingest/slot-001?reply=json", shot).status == 200
    ballast = "/var/lib/photochanger/media/templates/ballast"
    small.inside("app", "dd", "if=/dev/zero", f"of={ballast}", "bs=1M", "count=60")
    try:
        refused = small.send("/api/ingest/slot-001?reply=json", shot)
        assert (refused.status, refused.code) == (503, "storage_full")
        assert int(refused.headers["retry-after"]) > 0
        assert "MB free" in small.get("/readyz").json()["checks"]["disk"]
        said = small.compose("run", "--rm", "-T", "--no-deps", "app", "free-space", "--dry-run")
        assert "Would remove 0 results" in said
        assert int(small.sql("select count(*) from job_history")) == before + 1
    finally:
        small.inside("app", "rm", ballast)
    assert small.send("/api/ingest/slot-001?reply=json", shot).status == 200
