"""Disks that are full, read-only or gone: what was accepted is served, and what comes hears it at once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.chaos.booths import Booths, Sent
from tests.chaos.invariant import assert_nothing_is_left, assert_nothing_was_lost
from tests.chaos.mounts import SmallDisk, needs_root, run, small_disk
from tests.chaos.processes import ready_again, supervisorctl
from tests.container.stack import allowed
from tests.standins import gemini_app, running
from tests.support.installed import copied
from tests.support.logins import Logins
from tests.support.photos import portrait_jpeg
from tests.support.slots import set_slot, with_gemini
from tests.support.stack import CHECKOUT, Stack, free_port, running_stack
from tests.support.waiting import until

pytestmark = [needs_root, pytest.mark.timeout(300)]

SLOT, SLOW_SLOT = "slot-001", "slot-012"
PARTS = ("postgres", "nginx", "app", "cleanup")
AT_ONCE = 5.0  # seconds, on a machine that does nothing else


@pytest.fixture(scope="module")
def gemini_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def disks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, SmallDisk]]:
    data = tmp_path_factory.mktemp("chaos") / "data"
    with small_disk(data / "media", 400) as media, small_disk(data / "logs", 4) as logs:
        yield {"media": media, "logs": logs}


@pytest.fixture(scope="module")
def house(disks: dict[str, SmallDisk], installed: Path, gemini_port: int) -> Iterator[Stack]:
    """An appliance with a small disk for pictures and a smaller one for logs."""
    address = f"gemini=http://127.0.0.1:{gemini_port}"
    data = copied(installed, disks["media"].folder.parent)
    with running_stack(data, PHOTOCHANGER_PROVIDER_BASE_URLS=address) as started:
        started.set_keys("gemini", "gemini-key-0001")
        yield started


@pytest.fixture
async def booths(house: Stack) -> AsyncIterator[Booths]:
    """A booth with one picture already; afterwards it gets another, and nothing was lost or is left."""
    found = Booths(house, portrait_jpeg())
    assert (await found.post(SLOT)).statuses == [200]
    yield found
    await ready_again(house)
    assert (await found.post(SLOT)).statuses == [200]
    await assert_nothing_was_lost(found)
    await assert_nothing_is_left(house)


@contextmanager
def renamed(house: Stack) -> Iterator[None]:
    """The folder is called something else: whoever mounts it made a mistake."""
    away = house.data / "elsewhere"
    away.mkdir()
    run("mount", "--move", str(house.media), str(away))
    house.media.rmdir()
    try:
        yield
    finally:
        house.media.mkdir()
        run("mount", "--move", str(away), str(house.media))
        away.rmdir()


@contextmanager
def unmounted(house: Stack) -> Iterator[None]:
    """Its disk is not there, and an empty folder in its place."""
    away = house.data / "elsewhere"
    away.mkdir()
    run("mount", "--move", str(house.media), str(away))
    try:
        yield
    finally:
        assert list(house.media.iterdir()) == [], "nothing was written beneath the disk"
        run("mount", "--move", str(away), str(house.media))
        away.rmdir()


async def refused_at_once(booths: Booths) -> Sent:
    """A photo that is told ``503 storage_full``, and is not kept waiting for that."""
    sent = await booths.post(SLOT)
    assert (sent.statuses, sent.codes) == ([503], ["storage_full"])
    assert sent.longest < allowed(AT_ONCE)
    return sent


FAULTS: dict[str, tuple[Callable[[Stack, SmallDisk], AbstractContextManager[None]], int]] = {
    "full": (lambda _, disk: disk.full(), 200),
    "read-only": (lambda _, disk: disk.read_only(), 200),
    "gone": (lambda house, _: renamed(house), 503),
    "unmounted": (lambda house, _: unmounted(house), 503),
}
TOLD = {"full": "disk.full", "read-only": "disk.read_only", "gone": "disk.away", "unmounted": "disk.away"}


async def open_issues(house: Stack, like: str) -> list[str]:
    """What the operator is told."""
    async with house.database() as db:
        asked = "select code from issue where code like $1 and closed_at is null order by code"
        return [row["code"] for row in await db.fetch(asked, like)]


@pytest.mark.parametrize("fault", FAULTS)
async def test_without_room_for_pictures_photos_are_refused_at_once_and_old_ones_served(
    house: Stack, disks: dict[str, SmallDisk], booths: Booths, fault: str
) -> None:
    do, served = FAULTS[fault]
    with do(house, disks["media"]):
        await refused_at_once(booths)

        async def told() -> bool:
            return await open_issues(house, "disk.%") == [TOLD[fault]]

        await until(told, seconds=20, every=0.2)
        async with httpx.AsyncClient(base_url=house.url, timeout=20, trust_env=False) as client:
            assert (await client.get("/readyz")).status_code == 503
            assert (await client.get("/healthz")).status_code == 200
            assert (await client.get(f"/r/{booths.sent[0].job_id}")).status_code == served
            assert (await client.get(f"/public/results/{booths.sent[0].job_id}")).status_code == served


async def test_an_app_that_starts_before_the_disk_of_pictures_is_mounted_waits_for_it(
    house: Stack, booths: Booths
) -> None:
    """Nothing is written beneath it, and it needs no other start once the disk is there."""
    async with httpx.AsyncClient(base_url=house.url, timeout=20, trust_env=False) as client:

        async def alive() -> bool:
            return (await client.get("/healthz")).status_code == 200

        with unmounted(house):
            await asyncio.to_thread(supervisorctl, house, "restart", "app", "cleanup")
            await until(alive, seconds=60, every=0.1)
            await asyncio.to_thread(verb, house, "cleanup")
            await refused_at_once(booths)
            assert (await client.get("/readyz")).status_code == 503
            assert (await client.get(f"/public/results/{booths.sent[0].job_id}")).status_code == 503
            examined = await asyncio.to_thread(verb, house, "doctor")
            assert "The disk with the pictures is missing" in examined
        assert (await client.get(f"/public/results/{booths.sent[0].job_id}")).status_code == 200


def verb(house: Stack, name: str) -> str:
    """What a verb of the program says on this appliance."""
    done = subprocess.run(
        [sys.executable, "-m", "appliance", name],
        cwd=CHECKOUT,
        env=house.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout


async def told_to_wait(client: httpx.AsyncClient, path: str, headers: dict[str, str]) -> httpx.Response:
    """The answer, once what was kept in memory has run out; until then a page may still be given, and never
    is anything said to be gone.
    """

    async def asked() -> httpx.Response | None:
        answer = await client.get(path, headers=headers)
        assert answer.status_code in ({200, 503} if "Accept" in headers else {503}), path
        return answer if answer.headers.get("retry-after") == "60" else None

    found: httpx.Response = await until(asked, seconds=3)
    return found


@pytest.mark.parametrize("way", [renamed, unmounted])
async def test_while_the_disk_of_pictures_is_away_nobody_hears_that_a_picture_is_gone(
    house: Stack, booths: Booths, way: Callable[[Stack], AbstractContextManager[None]]
) -> None:
    link = booths.sent[0].job_id
    token = await Logins(house).token("serg", house.report["passwords"]["accounts"]["serg"])
    staff, browser = {"Authorization": f"Bearer {token}"}, {"Accept": "text/html"}
    async with httpx.AsyncClient(base_url=house.url, timeout=20, trust_env=False) as client:
        asked: list[tuple[str, dict[str, str]]] = [
            (f"/r/{link}", browser),
            (f"/public/results/{link}", {}),
            (f"/public/results/{link}/preview", {}),
            (f"/public/results/{link}/preview?w=320", {}),  # one that was made, and one that was not
            (f"/api/jobs/{link}/result", staff),
            (f"/api/jobs/{link}/preview", staff),
            ("/api/gallery.zip", staff),
        ]
        assert (await client.get(asked[2][0])).status_code == 200
        assert (await client.get(asked[0][0])).status_code == 200
        with way(house):
            for path, headers in asked:
                answer = await told_to_wait(client, path, headers)
                if headers is browser:
                    assert "will be back soon" in answer.text
                else:
                    assert answer.json()["error"]["code"] == "storage_full"
            assert (await client.post("/api/event/export", headers=staff)).status_code == 503
        for path, headers in asked:
            assert (await client.get(path, headers=headers)).status_code == 200, path


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_photo_under_way_when_the_disk_fails_ends_as_failed(
    house: Stack, disks: dict[str, SmallDisk], booths: Booths, gemini_port: int, fault: str
) -> None:
    await set_slot(house, SLOW_SLOT, **with_gemini(deadline_seconds=30))
    async with running(gemini_app(), port=gemini_port) as server:
        server.standin.seconds = 2.0
        posted = asyncio.create_task(booths.post(SLOW_SLOT))
        await until(server.standin.pictures_asked, seconds=30)
        with FAULTS[fault][0](house, disks["media"]):
            sent = await posted
    assert (sent.statuses, sent.codes) == ([503], ["storage_full"])


async def test_a_full_disk_for_logs_keeps_nobody_from_a_picture(
    house: Stack, disks: dict[str, SmallDisk], booths: Booths
) -> None:
    def pids() -> list[int]:
        return [house.pid_of(part) for part in PARTS]

    before = await asyncio.to_thread(pids)
    with disks["logs"].full():
        for _ in range(10):
            assert (await booths.post(SLOT)).statuses == [200]
        assert await asyncio.to_thread(pids) == before
    assert await asyncio.to_thread(pids) == before
    log = house.data / "logs/app.log"
    size = log.stat().st_size
    assert (await booths.post(SLOT)).statuses == [200]
    await until(lambda: log.stat().st_size > size, seconds=20, every=0.1)
