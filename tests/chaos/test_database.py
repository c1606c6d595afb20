"""A database that loses power, hangs, has no disk or no connection left: a clear 503, and all comes back."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator

import asyncpg
import psutil
import pytest

from tests.chaos.booths import Booths, booths_at_work
from tests.chaos.conftest import Note
from tests.chaos.invariant import assert_nothing_is_left, assert_nothing_was_lost
from tests.chaos.mounts import SmallDisk, needs_root, small_disk
from tests.chaos.onlookers import Onlookers, onlookers
from tests.chaos.processes import family, kill, ready_again, supervisorctl
from tests.container.stack import allowed
from tests.support.logins import Logins
from tests.support.postgres import held_still
from tests.support.stack import Stack
from tests.support.waiting import until

SLOTS = ("slot-001", "slot-003")
HELD_SECONDS = {True: 20, False: 15}  # in the long form and the short one: longer than a statement may take
MEETINGS = 3
LOSSES = 2  # of power, at least
REFUSALS = {"database_unavailable", "service_unavailable", "deadline_exceeded", "rate_limited", "slot_busy"}
LOOKS = (
    "/readyz",
    "/admin/login",
    "/api/slots",
    "/api/jobs",
    "/api/stats/slots",
    "/r/{job}",
    "/public/results/{job}",
)


@pytest.fixture
async def watched(house: Stack) -> AsyncIterator[tuple[Booths, Onlookers]]:
    """Two booths at work, and people who look at pages and pictures."""
    token = await Logins(house).token("serg", house.report["passwords"]["accounts"]["serg"])
    async with booths_at_work(house, SLOTS) as booths:
        await until(lambda: booths.statuses()[200], seconds=30)
        job = booths.sent[0].job_id or booths.sent[1].job_id
        async with onlookers(house, token, [path.format(job=job) for path in LOOKS]) as looking:
            yield booths, looking


async def next_picture(booths: Booths, seconds: float = 90) -> float:
    """Seconds until a booth gets its next picture."""
    began, before = time.monotonic(), booths.statuses()[200]
    await until(lambda: booths.statuses()[200] > before, seconds=seconds)
    return time.monotonic() - began


def assert_clear_answers(booths: Booths, looking: Onlookers) -> None:
    assert set(booths.codes()) <= REFUSALS, booths.codes()
    seen = {status for statuses in looking.statuses.values() for status in statuses}
    assert 500 not in seen, looking.statuses
    assert seen <= {200, 429, 503, 504}, looking.statuses


@pytest.mark.timeout(600)
async def test_power_loss_of_the_database_under_load_loses_no_picture(
    house: Stack, watched: tuple[Booths, Onlookers], minutes: float, note: Note
) -> None:
    booths, looking = watched
    back = []
    end = time.monotonic() + minutes * 60
    while len(back) < LOSSES or time.monotonic() < end:
        await next_picture(booths)
        kill(*family(house.pid_of("postgres")))
        back.append(await next_picture(booths))
    note(f"{len(back)} times; the next picture after {statistics.median(back):.1f} s (median)")
    assert_clear_answers(booths, looking)
    booths.stopping.set()
    await assert_nothing_was_lost(booths)


@pytest.mark.timeout(300)
async def test_a_database_that_hangs_is_a_clear_503_and_no_longer_wait(
    house: Stack, watched: tuple[Booths, Onlookers], minutes: float, note: Note
) -> None:
    booths, looking = watched
    held = HELD_SECONDS[bool(minutes)]
    with held_still(house):
        async with asyncio.timeout(held + 60):
            await asyncio.sleep(held)  # that is how long it hangs
    back = await next_picture(booths)
    longest = max(one.longest for one in booths.sent)
    note(f"booths waited {longest:.1f} s at most, others {looking.longest:.1f} s")
    note(f"the next picture {back:.1f} s after it went on")
    assert_clear_answers(booths, looking)
    assert looking.longest < allowed(held)
    assert longest < allowed(held + 10)


@pytest.mark.timeout(300)
async def test_a_database_without_a_free_connection_is_a_clear_503_until_there_is_one(
    house: Stack, watched: tuple[Booths, Onlookers], note: Note
) -> None:
    booths, looking = watched
    taken: list[asyncpg.Connection] = []

    async def none_is_left() -> bool:
        """Take whatever is free now; whether booths have met that several times."""
        with contextlib.suppress(asyncpg.TooManyConnectionsError):
            while True:
                taken.append(await asyncpg.connect(house.dsn()))
        return booths.codes()["database_unavailable"] > MEETINGS

    try:
        await none_is_left()
        kill(house.pid_of("app"))  # those that it had become free, and are taken too
        await until(none_is_left, seconds=60)
    finally:
        for connection in taken:
            await connection.close()
    back = await next_picture(booths)
    note(f"{len(taken)} connections taken; the next picture {back:.1f} s after they were given back")
    assert_clear_answers(booths, looking)


async def test_a_crash_within_the_database_is_followed_by_a_fresh_start_of_all_of_it(
    house: Stack, watched: tuple[Booths, Onlookers]
) -> None:
    booths, looking = watched
    _, server, *within = family(house.pid_of("postgres"))
    kill(within[0])
    await until(lambda: not psutil.pid_exists(server), seconds=30)
    await next_picture(booths)
    assert_clear_answers(booths, looking)


async def test_nothing_is_left_of_all_that(house: Stack) -> None:
    await assert_nothing_is_left(house)


@pytest.fixture
async def full_database(house: Stack) -> AsyncIterator[SmallDisk]:
    """The appliance again, its database on a disk of 200 MB."""
    await asyncio.to_thread(supervisorctl, house, "stop", "postgres")
    with small_disk(house.data / "postgres", 200) as disk:
        await asyncio.to_thread(supervisorctl, house, "start", "postgres")
        await ready_again(house)
        yield disk
        await asyncio.to_thread(supervisorctl, house, "stop", "postgres")


async def superuser(stack: Stack) -> asyncpg.Connection:
    password = (stack.data / "secrets/database-superuser-password").read_text().strip()
    port = stack.ports["postgres"]
    return await asyncpg.connect(f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres")


async def write_until_it_fails(server: asyncpg.Connection) -> None:
    """Into PostgreSQL's log of changes, which has some room left in the file that it is at."""
    with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        while True:
            await server.execute("select pg_logical_emit_message(false, 'x', repeat('x', 1000000))")
    server.terminate()


@needs_root
@pytest.mark.timeout(300)
async def test_a_database_without_disk_is_a_clear_503_until_there_is_room(
    house: Stack, full_database: SmallDisk, watched: tuple[Booths, Onlookers], note: Note
) -> None:
    booths, looking = watched
    server = await superuser(house)
    with full_database.full():
        await write_until_it_fails(server)
        await until(lambda: booths.codes()["database_unavailable"] > MEETINGS, seconds=120)
    back = await next_picture(booths)
    note(f"refusals {dict(booths.codes())}; the next picture {back:.1f} s after there was room")
    assert_clear_answers(booths, looking)
