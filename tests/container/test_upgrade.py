"""Upgrades by pulling from a registry: forth with the data kept, back by itself or by hand, and offline."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.container import registry as registries
from tests.container.stack import ContainerStack, allowed, run
from tests.support.camera import Reply, Shot
from tests.support.photos import portrait_jpeg
from tests.support.stack import CHECKOUT
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(not registries.installed(), reason="docker-registry is not installed")

HEAD = max(path.name[:4] for path in (CHECKOUT / "appliance/migrations/versions").glob("[0-9]*.py"))
PAUSE = 1.0  # seconds between two photos of a booth: the machine has to start containers as well
# One that cannot be loaded, and one that finds out when it starts.
_NO_PROGRAM = "RUN rm -rf /app/appliance/__pycache__ && echo 'raise RuntimeError(1)' > /app/appliance/app.py"
_BROKEN = (
    "RUN rm -rf /app/appliance/__pycache__"
    " && echo 'def open_services(*_): raise RuntimeError(2)' >> /app/appliance/services.py"
)
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


_MIGRATION = "COPY --chmod=0644 next.py /app/appliance/migrations/versions/9999_next.py"


def build(name: str, version: str, base: str, folder: Path, *steps: str) -> None:
    """An image like 1.0 with something changed, pushed, and forgotten here."""
    folder.mkdir(exist_ok=True)
    last = (f"ENV APPLIANCE_VERSION={version}", "USER 10001:10001")
    (folder / "Dockerfile").write_text("\n".join((f"FROM {base}", "USER root", *steps, *last)))
    run("docker", "build", "-q", "-t", f"{name}:{version}", str(folder))
    run("docker", "push", "-q", f"{name}:{version}")
    run("docker", "rmi", f"{name}:{version}")


@dataclass(frozen=True)
class Published:
    """The image's name in the registry, what others are built from, and how to stop the registry."""

    name: str
    folder: Path
    stop: Callable[[], None]


@pytest.fixture(scope="module")
def published(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    """1.0, 1.1 with tables of its own, a 1.2 that cannot be loaded."""
    folder = tmp_path_factory.mktemp("registry")
    (folder / "next.py").write_text(_NEXT.format(head=HEAD))
    with ExitStack() as running:
        address = running.enter_context(registries.registry(folder / "served"))
        name, base = f"{address}/photochanger", f"{image}:1.0"
        build(name, "1.0", base, folder)
        build(name, "1.1", base, folder, _MIGRATION)
        build(name, "1.2", base, folder, _NO_PROGRAM)
        yield Published(name, folder, running.close)
        forget(name)


def forget(name: str) -> None:
    """Remove what this machine has of an image."""
    kept = run("docker", "images", "--quiet", "--filter", f"reference={name}").split()
    if kept:
        run("docker", "rmi", "--force", *sorted(set(kept)))


@pytest.fixture(scope="module")
def venue(lay_out: Callable[..., ContainerStack], published: Published) -> ContainerStack:
    """An appliance that was installed by pulling 1.0."""
    stack = lay_out("venue", published.name)
    stack.install()
    stack.sql("update slot set display_name = 'as it was' where slot_id = 'slot-001'")
    return stack


async def post_all_the_while(
    venue: ContainerStack, shot: Shot, stop: asyncio.Event, heard: list[Reply]
) -> None:
    """A booth that goes on, whatever it hears; a connection that breaks fails the test."""
    while not stop.is_set():
        heard.append(await venue.camera.post("/api/ingest/slot-001?reply=json", shot))
        await asyncio.sleep(PAUSE)


async def picture_after(heard: list[Reply]) -> None:
    """Wait until a booth gets a picture from now on."""
    before = len(heard)
    await until(lambda: 200 in {reply.status for reply in heard[before:]}, seconds=30)


def runs(venue: ContainerStack, version: str) -> bool:
    image: str = venue.inspect("app")["Config"]["Image"]
    return image.endswith(f":{version}")


def has_tables_of_the_next(venue: ContainerStack) -> bool:
    return venue.sql("select to_regclass('of_the_next_version') is not null") == "t"


def slot_name(venue: ContainerStack) -> str:
    return venue.sql("select display_name from slot where slot_id = 'slot-001'")


async def photo(venue: ContainerStack) -> Reply:
    """One that has become a picture."""
    reply = await venue.camera.post("/api/ingest/slot-001?reply=json", venue.shot(portrait_jpeg()))
    assert reply.status == 200, reply.body
    return reply


async def test_an_upgrade_among_guests_loses_no_photo_and_closes_the_door_for_seconds(
    venue: ContainerStack,
) -> None:
    shot, stop, nginx = venue.shot(portrait_jpeg()), asyncio.Event(), venue.container("nginx")
    heard: list[Reply] = []
    booths = [asyncio.create_task(post_all_the_while(venue, shot, stop, heard)) for _ in range(2)]
    await picture_after(heard)
    said = (await asyncio.to_thread(venue.script, "upgrade", "1.1", "--force")).stdout
    await picture_after(heard)
    stop.set()
    await asyncio.gather(*booths)
    assert "1.1 is running" in said
    assert float(re.findall(r"closed for ([\d.]+) s", said)[0]) < allowed(15)
    refused = [reply for reply in heard if reply.status != 200]
    assert {(reply.status, reply.code) for reply in refused} == {(503, "service_unavailable")}
    assert all(int(reply.headers["retry-after"]) > 0 for reply in refused)
    assert runs(venue, "1.1")
    assert has_tables_of_the_next(venue)
    assert venue.container("nginx") == nginx
    links = [reply.json()["public_url"] for reply in heard if reply.status == 200]
    assert len(links) > 2
    assert {venue.get(link).status_code for link in links} == {200}


_A_PHOTO_IN_FLIGHT = """
    insert into job_history (job_id, slot_id, provider, operation, upload_type, upload_size, upload_sha256,
                             upload_sha1, deadline_seconds)
    values (gen_random_uuid(), 'slot-001', 'local', 'glow', 'image/jpeg', 1, '', '', 48)
"""


def test_an_upgrade_waits_for_no_guest_but_refuses(venue: ContainerStack) -> None:
    venue.sql(_A_PHOTO_IN_FLIGHT)
    done = venue.script("upgrade", "1.2", check=False)
    venue.sql("delete from job_history where status = 'pending'")
    assert done.returncode == 1
    assert "being served" in done.stderr
    assert runs(venue, "1.1")


def test_a_version_that_cannot_run_here_is_refused_with_the_door_open(venue: ContainerStack) -> None:
    app = venue.container("app")
    done = venue.script("upgrade", "1.2", "--no-backup", check=False)
    assert done.returncode == 1
    assert "RuntimeError: 1" in done.stderr
    assert "nothing was changed" in done.stderr
    assert venue.container("app") == app
    assert venue.is_ready()


async def test_rolling_back_with_the_data_brings_the_tables_and_rows_of_before(venue: ContainerStack) -> None:
    assert slot_name(venue) == "of the next version"
    since = (await photo(venue)).json()
    assert "1.0 is running" in venue.script("rollback", "--with-data").stdout
    assert runs(venue, "1.0")
    assert not has_tables_of_the_next(venue)
    assert slot_name(venue) == "as it was"
    assert venue.get(since["public_url"]).status_code == 404
    await photo(venue)


async def test_a_broken_version_under_the_tag_that_runs_rolls_back_by_itself(
    venue: ContainerStack, image: str, published: Published
) -> None:
    """To the image of before, although its tag means another now, and to the tables and rows of before."""
    before = venue.inspect("app")["Image"]
    build(published.name, "1.0", f"{image}:1.0", published.folder, _MIGRATION, _BROKEN)
    beside = venue.compose("run", "--detach", "--no-deps", "app", "sh", "-c", "true").strip()
    try:
        done = venue.script("upgrade", "--no-backup", check=False)
    finally:
        run("docker", "rm", "--force", beside)
    assert done.returncode == 1
    assert "RuntimeError" in done.stdout
    assert "1.0 is running again with its data" in done.stderr
    assert venue.inspect("app")["Image"] == before
    assert not has_tables_of_the_next(venue)
    assert slot_name(venue) == "as it was"
    await photo(venue)


def test_a_bundle_installs_without_a_registry_and_without_the_image(
    venue: ContainerStack, published: Published, lay_out: Callable[..., ContainerStack], tmp_path: Path
) -> None:
    bundle, packed = tmp_path / "appliance.tar", venue.inspect("app")["Config"]["Image"]
    venue.script("bundle", str(bundle))
    venue.destroy()
    published.stop()
    forget(published.name)
    offline = lay_out("offline", "unused")
    done = offline.script("install", "--bundle", str(bundle), "--port", str(offline.port), "--yes")
    assert "Ready after" in done.stdout
    assert offline.is_ready()
    assert offline.inspect("app")["Config"]["Image"] == packed
    offline.destroy()
