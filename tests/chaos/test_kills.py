"""Whatever is killed, and whenever: no picture that a booth was given is lost, and nothing is left behind."""

from __future__ import annotations

import asyncio
import random
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest

from appliance.bare import leftovers
from appliance.bare.data_folder import DataFolder
from tests.chaos.booths import Booths, booths_at_work
from tests.chaos.conftest import Note
from tests.chaos.forked import ForkedApp
from tests.chaos.invariant import assert_nothing_is_left, assert_nothing_was_lost
from tests.chaos.processes import kill, supervisord
from tests.container.stack import allowed
from tests.support.stack import Stack, clean_environment, run_bare
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("keeps_photos")
SLOTS = ("slot-001", "slot-003", "slot-005")
ENOUGH = 200  # kills of the app: the long form makes as many at least, however long it takes
SHORT_SECONDS = 6.0  # the short form makes as many as fit into so much time
OTHERS = ("postgres", "nginx", "cleanup", "supervisord")
GONE_SECONDS = 10.0  # after supervisord, whatever is under way: PostgreSQL writes what it has, no more
FEWEST = 10  # in the short form, however much else the machine has to do


@pytest.fixture
async def forked(house: Stack) -> AsyncIterator[ForkedApp]:
    app = await asyncio.to_thread(ForkedApp.in_place_of, house)
    try:
        await asyncio.to_thread(app.start)
        yield app
    finally:
        await asyncio.to_thread(app.give_back)


@pytest.mark.timeout(7200)
async def test_an_app_killed_at_any_moment_loses_no_picture(
    house: Stack, forked: ForkedApp, minutes: float, note: Note
) -> None:
    seed = time.time_ns()
    chance = random.Random(seed)
    back: list[float] = []
    lives: list[float] = []
    end = time.monotonic() + (minutes * 60 or SHORT_SECONDS)
    fewest = ENOUGH if minutes else FEWEST
    async with booths_at_work(house, SLOTS) as booths:
        while time.monotonic() < end or len(back) < fewest:
            first = asyncio.create_task(first_picture(booths))
            # Half of the lives end before their first picture, at any step of it; half later.
            await asyncio.wait({first}, timeout=chance.uniform(0, 2 * typical(lives)))
            if first.done():
                lives.append(first.result())
                await asyncio.sleep(chance.uniform(0, typical(lives)))
            first.cancel()
            forked.kill()
            back.append(await asyncio.to_thread(forked.start))
    said = f"{len(back)} kills (seed {seed}), {len(booths.sent)} photos, answers {dict(booths.statuses())}"
    note(f"{said}; from the kill to the next answer {statistics.median(back):.2f} s (median, forked)")
    assert set(booths.codes()) <= {"service_unavailable", "rate_limited"}, said
    await assert_nothing_was_lost(booths)
    await assert_nothing_is_left(house)
    async with house.database() as db:
        rows = await db.fetch(
            "select coalesce(failure_reason, status) as how, count(*) from job_history group by 1"
        )
    ends = {row["how"]: row["count"] for row in rows}
    note(f"jobs ended as {ends}")
    assert set(ends) == {"done", "interrupted"}, "each kind of end was met, and no other"


@pytest.mark.timeout(900)
async def test_whatever_else_is_killed_under_load_comes_back_and_loses_no_picture(
    house: Stack, minutes: float, note: Note
) -> None:
    seed = time.time_ns()
    chance, back = random.Random(seed), defaultdict[str, list[float]](list)
    end = time.monotonic() + minutes * 60
    async with booths_at_work(house, SLOTS) as booths:
        while not back or time.monotonic() < end:
            for program in chance.sample(OTHERS, len(OTHERS)):
                lives = [await first_picture(booths)]
                await asyncio.sleep(chance.uniform(0, typical(lives)))
                killed = time.monotonic()
                await asyncio.to_thread(kill_part, house, program)
                await first_picture(booths)
                back[program].append(time.monotonic() - killed)
    note(f"answers {dict(booths.statuses())}, refusals {dict(booths.codes())} (seed {seed})")
    for program, times in back.items():
        note(f"{len(times)} x {program}: the next picture after {statistics.median(times):.1f} s (median)")
    assert set(booths.codes()) <= {"service_unavailable", "database_unavailable", "rate_limited"}
    await assert_nothing_was_lost(booths)
    await assert_nothing_is_left(house)


def kill_part(stack: Stack, program: str) -> None:
    """SIGKILL to one of supervisord's programs, in the middle of its work; supervisord is started again."""
    if program == "supervisord":
        supervisord(stack).kill()
        left = DataFolder.of(stack.data)
        since = time.monotonic()
        while list(leftovers.find(left)):
            assert time.monotonic() < since + allowed(GONE_SECONDS), "a photo in flight kept the app alive"
            time.sleep(0.05)
        started = run_bare(stack.data, "--port", str(stack.port), "--detach", "--json")
        assert started.returncode == 0, started.stdout + started.stderr
        return
    if program == "cleanup":  # and what it starts, in the midst of its work
        command = (sys.executable, "-m", "appliance.bare.verb", "--data", str(stack.data), "cleanup")
        with subprocess.Popen(command, env=clean_environment(), stdout=subprocess.DEVNULL) as verb:
            time.sleep(1)
            verb.kill()
    kill(stack.pid_of(program))


async def first_picture(booths: Booths) -> float:
    """Seconds until a booth gets a picture."""
    began, before = time.monotonic(), booths.statuses()[200]
    await until(lambda: booths.statuses()[200] > before, seconds=120)
    return time.monotonic() - began


def typical(lives: list[float]) -> float:
    """What the last few took; machines differ, and so does what else they have to do."""
    return statistics.median(lives[-5:]) if lives else 1.0
