"""Permits that several processes share: never too many, none lost, first come first served in each."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy.engine import make_url

from appliance.core.clock import Deadline
from appliance.core.db import Database
from appliance.core.errors import SlotBusy
from appliance.ingest.seats import LEASE_BEYOND, Seats, SharedGate
from tests.support import seat_worker
from tests.support.line import line_to_database
from tests.support.stack import Stack
from tests.support.waiting import until

PROCESSES, LIMIT = 4, 3


@pytest.fixture(autouse=True)
async def nobody_has_a_seat(stack: Stack) -> AsyncIterator[None]:
    yield
    async with stack.database() as db:
        await db.execute("delete from permit")


@pytest.fixture
async def gates(database: Database) -> AsyncIterator[list[SharedGate]]:
    """Those of two processes."""
    made = [SharedGate(Seats(database, process)) for process in (1, 2)]
    yield made
    for one in made:
        await one.aclose()


async def seats_taken(stack: Stack) -> int:
    return int(await stack.value("select count(*) from permit where until > now()") or 0)


async def test_two_processes_together_let_no_more_in_than_the_limit(gates: list[SharedGate]) -> None:
    inside, most = 0, 0

    async def visit(gate: SharedGate) -> None:
        nonlocal inside, most
        async with gate.enter("slot", 2, Deadline.after(20)):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.02)
            inside -= 1

    await asyncio.gather(*(visit(gate) for gate in gates * 6))
    assert most == 2


async def test_in_one_process_the_first_to_come_is_the_first_in(gates: list[SharedGate]) -> None:
    order: list[int] = []

    async def visit(number: int) -> None:
        async with gates[0].enter("slot", 1, Deadline.after(20)):
            order.append(number)

    async with gates[1].enter("slot", 1, Deadline.after(20)):
        waiting = [asyncio.create_task(visit(number)) for number in range(4)]
        await until(lambda: gates[0].state().get("slot") == (0, 1, 4))
    await asyncio.gather(*waiting)
    assert order == [0, 1, 2, 3]


async def test_who_finds_every_seat_taken_until_it_is_too_late_is_told_to_come_back(
    gates: list[SharedGate],
) -> None:
    async with gates[1].enter("slot", 1, Deadline.after(20)):
        with pytest.raises(SlotBusy):
            async with gates[0].enter("slot", 1, Deadline.after(1.3)):
                pytest.fail("there was no seat")


async def test_the_wait_for_a_seat_does_not_count_as_time_that_a_photo_takes(gates: list[SharedGate]) -> None:
    waits, works = gates

    async def visit(seconds: float) -> None:
        async with waits.enter("slot", 1, Deadline.after(seconds)):
            pass

    async with works.enter("slot", 1, Deadline.after(20)):
        with pytest.raises(SlotBusy):
            await visit(1.3)
        assert waits.permits("slot").typical_seconds == 0
        patient = asyncio.create_task(visit(20))
        await asyncio.sleep(0.5)  # so long it has to wait
    await patient
    assert 0 < waits.permits("slot").typical_seconds < 0.3


async def test_a_limit_that_grows_lets_more_in(gates: list[SharedGate]) -> None:
    async with (
        gates[1].enter("slot", 1, Deadline.after(20)),
        gates[0].enter("slot", 2, Deadline.after(20)),
    ):
        assert gates[0].in_use() == {"slot": 1}


async def test_a_seat_is_given_back_when_the_photo_is_made_and_when_nobody_waits_any_longer(
    gates: list[SharedGate], stack: Stack
) -> None:
    async def visit() -> None:
        async with gates[0].enter("slot", 1, Deadline.after(20)):
            await asyncio.sleep(20)

    given_up = asyncio.create_task(visit())
    await until(lambda: so_many_are_taken(stack, 1))
    given_up.cancel()
    async with gates[1].enter("slot", 1, Deadline.after(20)):
        pass
    await until(lambda: so_many_are_taken(stack, 0))


async def so_many_are_taken(stack: Stack, count: int) -> bool:
    return await seats_taken(stack) == count


async def test_what_a_dead_process_held_is_free_when_it_is_there_again(
    database: Database, gates: list[SharedGate]
) -> None:
    await Seats(database, 2).take("slot", 1, 60, uuid.uuid4())  # by a process that died
    await gates[1].begin()
    async with asyncio.timeout(1), gates[0].enter("slot", 1, Deadline.after(20)):
        pass


async def test_a_process_that_learns_late_what_its_predecessor_held_keeps_its_own_seats(
    database: Database, gates: list[SharedGate], stack: Stack
) -> None:
    await Seats(database, 2).take("slot", 2, 60, uuid.uuid4())  # by a process that died
    async with gates[1].enter("slot", 2, Deadline.after(20)):
        await gates[1].begin()  # the database was away when it started
        assert await seats_taken(stack) == 1
        async with asyncio.timeout(1), gates[0].enter("slot", 2, Deadline.after(20)):
            pass


async def test_a_lease_that_is_over_is_anybodys(database: Database, gates: list[SharedGate]) -> None:
    await Seats(database, 3).take("slot", 1, 0.5, uuid.uuid4())  # by a process that never comes back
    async with asyncio.timeout(3), gates[0].enter("slot", 1, Deadline.after(20)):
        pass


async def test_where_the_database_does_not_answer_each_process_keeps_to_its_own_permits(
    stack: Stack,
) -> None:
    async with line_to_database(stack) as (line, url):
        line.silence()
        database = Database(url)
        gate, since = SharedGate(Seats(database, 1)), time.monotonic()
        async with gate.enter("slot", 1, Deadline.after(20)):
            assert time.monotonic() - since < 3
            with pytest.raises(SlotBusy):
                async with gate.enter("slot", 1, Deadline.after(1.2)):
                    pytest.fail("there was no permit")

        async def visit() -> None:
            async with gate.enter("provider", 8, Deadline.after(20)):
                pass

        since = time.monotonic()
        await asyncio.gather(*(visit() for _ in range(8)))
        assert time.monotonic() - since < 3, "not one after the other"
        line.cut()
        await gate.aclose()
        await database.aclose()


async def test_a_seat_is_given_back_as_soon_as_the_database_is_back(stack: Stack) -> None:
    async with line_to_database(stack) as (line, url):
        database = Database(url)
        gate = SharedGate(Seats(database, 1))
        async with gate.enter("slot", 1, Deadline.after(40)):
            line.cut()
        await until(lambda: line.refused)
        line.mend()

        async def is_free() -> bool:
            return await seats_taken(stack) == 0

        await until(is_free)
        await gate.aclose()
        await database.aclose()


@contextmanager
def processes(stack: Stack, diary: Path) -> Iterator[list[BaseProcess]]:
    """Four that work; whoever kills one puts another in its place."""
    running = [started(stack, number, diary) for number in range(1, PROCESSES + 1)]
    try:
        yield running
    finally:
        for process in running:
            process.kill()
            process.join()


def started(stack: Stack, number: int, diary: Path) -> BaseProcess:
    url = stack.dsn().replace("postgresql://", "postgresql+asyncpg://", 1)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.seat_worker"])
    process = context.Process(target=seat_worker.work, args=(url, number, LIMIT, diary), daemon=True)
    process.start()
    return process


@pytest.mark.timeout(300)
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(kills=some.lists(some.tuples(some.integers(0, PROCESSES - 1), some.floats(0.02, 0.4)), max_size=5))
def test_four_processes_that_are_killed_at_any_moment_never_hold_too_many_seats_and_lose_none(
    stack: Stack, tmp_path_factory: pytest.TempPathFactory, kills: list[tuple[int, float]]
) -> None:
    diary, killed = tmp_path_factory.mktemp("seats") / "diary", dict[int, float]()
    with processes(stack, diary) as running:
        wait_for_visits(diary, 20)
        for index, seconds in kills:
            time.sleep(seconds)  # when the next one dies
            victim = running[index]
            assert victim.pid
            os.kill(victim.pid, signal.SIGKILL)
            victim.join()
            killed[victim.pid] = time.monotonic()
            running[index] = started(stack, index + 1, diary)
        wait_for_visits(diary, 20)
        # Whoever is gone for good takes its seats along for no longer than a lease.
        for process in running:
            assert process.pid
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            killed[process.pid] = time.monotonic()
        asyncio.run(all_are_free_within(stack, seat_worker.DEADLINE + LEASE_BEYOND))
    assert most_at_once(diary, killed) <= LIMIT


def wait_for_visits(diary: Path, more: int) -> None:
    """Until so many more lines were written."""
    before = lines(diary)
    end = time.monotonic() + 60
    while lines(diary) < before + more:
        assert time.monotonic() < end, "nobody gets a seat any more"
        time.sleep(0.02)


def lines(diary: Path) -> int:
    return len(diary.read_text().splitlines()) if diary.exists() else 0


async def all_are_free_within(stack: Stack, seconds: float) -> None:
    database = Database(make_url(stack.dsn()).set(drivername="postgresql+asyncpg"))
    gate = SharedGate(Seats(database, 9))
    try:
        async with asyncio.timeout(seconds + 2), asyncio.TaskGroup() as group:
            there = asyncio.Barrier(LIMIT)
            for _ in range(LIMIT):
                group.create_task(meets_the_others(gate, there))
    finally:
        await gate.aclose()
        await database.aclose()


async def meets_the_others(gate: SharedGate, there: asyncio.Barrier) -> None:
    """All of them have a seat at the same moment."""
    async with gate.enter("slot", LIMIT, Deadline.after(30)):
        await there.wait()


def most_at_once(diary: Path, killed: dict[int, float]) -> int:
    """How many had a seat at the same moment. Whoever was killed had it until then."""
    came, went = dict[tuple[str, str], float](), dict[tuple[str, str], float]()
    for line in diary.read_text().splitlines():
        pid, photo, what, moment = line.split()
        (came if what == "in" else went)[pid, photo] = float(moment)
    changes = defaultdict[float, int](int)
    for (pid, photo), moment in came.items():
        changes[moment] += 1
        changes[went.get((pid, photo), killed[int(pid)])] -= 1
    inside = most = 0
    for moment in sorted(changes):
        inside += changes[moment]
        most = max(most, inside)
    return most
