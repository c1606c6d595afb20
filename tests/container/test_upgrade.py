"""Upgrades by pulling from a registry: forth with the data kept, back by itself or by hand, and offline."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.container import registry as registries
from tests.container.stack import ContainerStack, run
from tests.support.photos import portrait_jpeg

pytestmark = pytest.mark.skipif(not registries.installed(), reason="docker-registry is not installed")

_BROKEN = "RUN rm -rf /app/appliance/__pycache__ && echo 'raise RuntimeError(1)' > /app/appliance/app.py"
# A table of its own time, and what was there is changed: the way back must bring both back.
_NEXT = """\
revision, down_revision, branch_labels, depends_on = "9999", "{head}", None, None
def upgrade():
    from alembic import op
    op.execute("create table of_the_next_version (id int)")
    op.execute("update slot set display_name = 'of the next version' where slot_id = 'slot-001'")
def downgrade():
    pass
"""


def build(name: str, version: str, folder: Path, *steps: str) -> None:
    """An image like 1.0 with something changed, pushed, and forgotten here."""
    folder.mkdir(exist_ok=True)
    lines = [
        "FROM photochanger-test:1.0",
        "USER root",
        *steps,
        f"ENV APPLIANCE_VERSION={version}",
        "USER 10001:10001",
    ]
    (folder / "Dockerfile").write_text("\n".join(lines) + "\n")
    run("docker", "build", "-q", "-t", f"{name}:{version}", str(folder))
    run("docker", "push", "-q", f"{name}:{version}")
    run("docker", "rmi", f"{name}:{version}")


@pytest.fixture(scope="module")
def published(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """1.0, 1.1 and a broken 1.2 in a registry; gives the image's name there."""
    folder = tmp_path_factory.mktemp("registry")
    heads = run("docker", "run", "--rm", f"{image}:1.0", "sh", "-c", "ls /app/appliance/migrations/versions")
    head = max(re.findall(r"^(\d{4})_", heads, re.MULTILINE))
    (folder / "1.1").mkdir()
    (folder / "1.1" / "next.py").write_text(_NEXT.format(head=head))
    (folder / "1.2").mkdir()
    (folder / "1.2" / "next.py").write_text(_NEXT.format(head=head))
    migration = "COPY --chmod=0644 next.py /app/appliance/migrations/versions/9999_next.py"
    with registries.registry(folder / "served") as address:
        name = f"{address}/photochanger"
        build(name, "1.0", folder)
        build(name, "1.1", folder / "1.1")
        build(name, "1.2", folder / "1.2", migration, _BROKEN)
        build(name, "1.3", folder / "1.2", migration)
        yield name


@pytest.fixture(scope="module")
def venue(lay_out: Callable[..., ContainerStack], published: str) -> ContainerStack:
    """An appliance that was installed by pulling 1.0."""
    stack = lay_out("venue", published)
    stack.install()
    return stack


async def knock(venue: ContainerStack, stop: asyncio.Event) -> list[tuple[float, int, str | None]]:
    """What a booth hears all the while: time, status, Retry-After."""
    heard = []
    async with httpx.AsyncClient(base_url=venue.url, trust_env=False, timeout=5) as booth:
        while not stop.is_set():
            try:
                answer = await booth.get("/readyz")
                heard.append((time.monotonic(), answer.status_code, answer.headers.get("retry-after")))
            except httpx.HTTPError as error:
                heard.append((time.monotonic(), 0, type(error).__name__))
            await asyncio.sleep(0.05)
    return heard


async def test_an_upgrade_keeps_the_data_and_closes_the_door_for_seconds(venue: ContainerStack) -> None:
    job = (await venue.camera.post("/api/ingest/slot-001?reply=json", venue.shot(portrait_jpeg()))).json()
    picture = venue.get(job["public_url"]).content
    stop = asyncio.Event()
    knocking = asyncio.create_task(knock(venue, stop))
    said = (await asyncio.to_thread(venue.script, "upgrade", "1.1")).stdout
    stop.set()
    heard = await knocking
    assert "1.1 is running" in said
    closed = [time_ for time_, status, _ in heard if status != 200]
    assert closed[-1] - closed[0] < 30  # 7 to 12 on a machine that does nothing else; the aim is 15
    assert {(status, bool(retry)) for _, status, retry in heard} == {(200, False), (503, True)}
    assert venue.inspect("app")["Config"]["Image"].endswith(":1.1")
    assert venue.get(job["public_url"]).content == picture
    assert venue.sql("select count(*) from job_history where status = 'done'") == "2"  # and the smoke test's


_A_PHOTO_IN_FLIGHT = """
    insert into job_history (job_id, slot_id, provider, operation, upload_type, upload_size, upload_sha256,
                             upload_sha1, deadline_seconds)
    values (gen_random_uuid(), 'slot-001', 'local', 'glow', 'image/jpeg', 1, '', '', 48)
"""


async def test_an_upgrade_waits_for_no_guest_but_refuses(venue: ContainerStack) -> None:
    venue.sql(_A_PHOTO_IN_FLIGHT)
    done = venue.script("upgrade", "1.3", check=False)
    venue.sql("delete from job_history where status = 'pending'")
    assert done.returncode == 1
    assert "being served" in done.stderr
    assert venue.inspect("app")["Config"]["Image"].endswith(":1.1")


async def test_a_broken_version_rolls_back_by_itself(venue: ContainerStack) -> None:
    before = venue.sql("select display_name from slot where slot_id = 'slot-001'")
    done = venue.script("upgrade", "1.2", check=False, UPGRADE_READY_WITHIN="8")
    assert done.returncode == 1
    assert "RuntimeError" in done.stdout + done.stderr
    assert "1.1 is running again with its data" in done.stderr
    assert venue.inspect("app")["Config"]["Image"].endswith(":1.1")
    assert venue.sql("select to_regclass('of_the_next_version') is null") == "t"
    assert venue.sql("select display_name from slot where slot_id = 'slot-001'") == before
    reply = await venue.camera.post("/api/ingest/slot-001?reply=json", venue.shot(portrait_jpeg()))
    assert reply.status == 200


async def test_the_version_before_works_on_the_tables_of_the_next(venue: ContainerStack) -> None:
    assert "1.3 is running" in venue.script("upgrade", "1.3", "--no-backup").stdout
    assert venue.sql("select to_regclass('of_the_next_version') is null") == "f"
    assert "1.1 is running" in venue.script("rollback").stdout
    assert venue.sql("select to_regclass('of_the_next_version') is null") == "f"
    reply = await venue.camera.post("/api/ingest/slot-001?reply=json", venue.shot(portrait_jpeg()))
    assert reply.status == 200


def test_a_bundle_installs_with_the_registry_out_of_reach(
    venue: ContainerStack, lay_out: Callable[..., ContainerStack], tmp_path: Path
) -> None:
    bundle = tmp_path / "appliance.tar"
    venue.script("bundle", str(bundle))
    offline = lay_out("offline", "unused")
    done = offline.script("install", "--bundle", str(bundle), "--port", str(offline.port), "--yes")
    assert "Ready after" in done.stdout
    assert offline.is_ready()
    assert offline.inspect("app")["Config"]["Image"] == venue.inspect("app")["Config"]["Image"]
    offline.destroy()
