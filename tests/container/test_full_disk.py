"""A disk that runs full: photos are refused while the database can still write, and taken again after."""

from __future__ import annotations

from collections.abc import Callable

from tests.container.stack import ContainerStack
from tests.support.photos import portrait_jpeg

# A media folder of 300 MB; the mark below which no photo is taken is 256 MiB.
_SMALL = """\
volumes:
  media:
    driver: local
    driver_opts: {type: tmpfs, device: tmpfs, o: "size=300m,uid=10001,gid=10001,mode=0750"}
"""


def test_photos_are_refused_before_the_disk_is_full(lay_out: Callable[[str], ContainerStack]) -> None:
    stack = lay_out("small")
    (stack.folder / "compose" / "compose.override.yaml").write_text(_SMALL)
    stack.install()
    shot = stack.shot(portrait_jpeg())
    assert stack.send("/api/ingest/slot-001?reply=json", shot).status == 200
    ballast = "/var/lib/photochanger/media/templates/ballast"
    stack.inside("app", "dd", "if=/dev/zero", f"of={ballast}", "bs=1M", "count=60")
    refused = stack.send("/api/ingest/slot-001?reply=json", shot)
    assert (refused.status, refused.code) == (503, "storage_full")
    assert int(refused.headers["retry-after"]) > 0
    assert "MB free" in stack.get("/readyz").json()["checks"]["disk"]
    assert stack.sql("select count(*) from job_history") == "1"
    stack.inside("app", "rm", ballast)
    assert stack.send("/api/ingest/slot-001?reply=json", shot).status == 200
    stack.destroy()
