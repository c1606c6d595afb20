"""The machine's clock an hour off, either way: deadlines hold, what is kept goes by the new time, and nobody
is locked out. A library that is preloaded moves the clock for one appliance, all of its processes at once.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from sqlalchemy.engine import make_url

from appliance.core.db import Database
from appliance.core.ratelimit import Limit, RateLimiter
from tests.chaos.booths import Booths
from tests.chaos.invariant import assert_nothing_was_lost
from tests.container.stack import allowed
from tests.standins import Running, Script, gemini_app, running
from tests.support.installed import copied
from tests.support.logins import log_in
from tests.support.photos import portrait_jpeg
from tests.support.slots import set_slot, with_gemini
from tests.support.stack import CHECKOUT, Stack, free_port, running_stack
from tests.support.waiting import until

COMPILER = shutil.which("cc")
pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="there is no C compiler: no clock was moved"),
    pytest.mark.timeout(300),
]
SLOT, SLOW_SLOT = "slot-001", "slot-012"
DEADLINE = 4
EITHER_WAY = pytest.mark.parametrize("hours", [1, -1], ids=["forward", "back"])


@dataclass(frozen=True)
class Clock:
    """The clock of one appliance, in ``file``."""

    stack: Stack
    library: Path
    file: Path

    @contextmanager
    def moved(self, hours: int) -> Iterator[None]:
        """It is so many hours off within the block, at once and for everybody."""
        set_clock(self.file, hours)
        try:
            yield
        finally:
            set_clock(self.file, 0)

    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self.library), "MOVED_CLOCK": str(self.file)}


def set_clock(file: Path, hours: int) -> None:
    """Write over it, so that those who look at the file already see it."""
    with file.open("r+b" if file.exists() else "wb") as opened:
        opened.write((hours * 3600).to_bytes(8, sys.byteorder, signed=True))


@pytest.fixture(scope="module")
def gemini_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory, installed: Path, gemini_port: int) -> Iterator[Clock]:
    folder = tmp_path_factory.mktemp("chaos")
    for place in (folder, *folder.parents[:2]):
        place.chmod(0o755)  # the appliance does not run as root
    library, file = folder / "moved_clock.so", folder / "clock"
    command = [COMPILER or "cc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC"]
    subprocess.run([*command, "-o", library, Path(__file__).with_name("moved_clock.c")], check=True)
    set_clock(file, 0)
    file.chmod(0o644)
    values = {"LD_PRELOAD": str(library), "MOVED_CLOCK": str(file)}
    address = f"gemini=http://127.0.0.1:{gemini_port}"
    data = copied(installed, folder / "data")
    with running_stack(data, PHOTOCHANGER_PROVIDER_BASE_URLS=address, **values) as started:
        started.set_keys("gemini", "gemini-key-0001")
        yield Clock(started, library, file)


@pytest.fixture
async def gemini(clock: Clock, gemini_port: int) -> AsyncIterator[Running]:
    await set_slot(clock.stack, SLOW_SLOT, **with_gemini(deadline_seconds=50))
    async with running(gemini_app(), port=gemini_port) as server:
        yield server


@pytest.fixture
def booths(clock: Clock) -> Booths:
    return Booths(clock.stack, portrait_jpeg())


async def cleanup(clock: Clock) -> None:
    """One cleanup by the appliance's own clock."""
    done = await asyncio.create_subprocess_exec(
        str(CHECKOUT / "scripts/cleanup_media.py"), "--json",
        env=clock.stack.environment(**clock.environment()), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await done.communicate()
    assert json.loads(said)["failures"] == 0


@EITHER_WAY
async def test_a_photo_under_way_is_delivered_although_a_cleanup_runs_by_the_new_time(
    clock: Clock, booths: Booths, gemini: Running, hours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleaned = asyncio.Event()

    async def wait_for_that(_: float) -> None:
        await cleaned.wait()

    monkeypatch.setattr(gemini.standin, "pause", wait_for_that)
    posted = asyncio.create_task(booths.post(SLOW_SLOT))
    await until(gemini.standin.pictures_asked, seconds=30)
    with clock.moved(hours):
        await cleanup(clock)
        assert not posted.done()
        cleaned.set()
        sent = await posted
        assert sent.statuses == [200], sent
        await assert_nothing_was_lost(booths)


@EITHER_WAY
async def test_a_deadline_does_not_move_with_the_clock(
    clock: Clock, booths: Booths, gemini: Running, hours: int
) -> None:
    await set_slot(clock.stack, SLOW_SLOT, deadline_seconds=DEADLINE)
    gemini.standin.script = Script(then="silent")
    posted = asyncio.create_task(booths.post(SLOW_SLOT))
    await until(gemini.standin.pictures_asked, seconds=30)
    with clock.moved(hours):
        sent = await posted
        assert sent.statuses == [504], sent
        assert DEADLINE - 1 < sent.longest < allowed(DEADLINE + 2)


async def test_a_picture_is_kept_by_the_clock_on_the_wall(clock: Clock, booths: Booths) -> None:
    sent = await booths.post(SLOT)
    async with clock.stack.database() as db:
        await db.execute(
            "update job_history set result_expires_at = now() + interval '30 min' where job_id = $1",
            sent.job_id,
        )
    async with httpx.AsyncClient(base_url=clock.stack.url, timeout=30, trust_env=False) as client:

        async def answers(wanted: int) -> bool:
            return (await client.get(f"/public/results/{sent.job_id}")).status_code == wanted

        assert await answers(200)
        with clock.moved(1):
            await until(lambda: answers(410), seconds=20, every=0.2)
        await until(lambda: answers(200), seconds=20, every=0.2)


@EITHER_WAY
async def test_staff_stay_logged_in_when_the_clock_moves(clock: Clock, hours: int) -> None:
    stack = clock.stack
    serg = stack.report["passwords"]["accounts"]["serg"]
    async with httpx.AsyncClient(base_url=stack.url, timeout=30, trust_env=False) as browser:
        granted = (await log_in(browser, "serg", serg)).json()
        with clock.moved(hours):
            first = await browser.get("/api/slots", headers=bearer(granted))
            assert first.status_code == (401 if hours > 0 else 200)
            continued = await browser.post("/api/refresh")
            assert continued.status_code == 200, continued.text
            assert (await browser.get("/api/slots", headers=bearer(continued.json()))).status_code == 200
            assert (await log_in(browser, "serg", serg)).status_code == 200


def bearer(granted: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {granted['access_token']}"}


async def test_a_limit_that_was_used_up_is_no_hour_longer_when_the_clock_went_back(clock: Clock) -> None:
    database = Database(make_url(clock.stack.dsn()).set(drivername="postgresql+asyncpg"))
    limit = Limit.parse("2 per 5 minutes")
    try:
        with clock.moved(1):
            async with database.session() as session:
                assert [await RateLimiter(session).take("chaos", limit) for _ in range(2)] == [0, 0]
        async with database.session() as session:
            assert await RateLimiter(session).take("chaos", limit) == 0
    finally:
        await database.aclose()
