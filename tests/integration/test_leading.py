"""Of several processes one leads, and the next one takes over when it goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sqlalchemy.engine import make_url

from appliance.core.db import Database
from appliance.core.leading import Leader
from appliance.core.tasks import Background
from tests.support.stack import Stack
from tests.support.waiting import until

# Locks belong to a database: in one of its own no process of the suite's app leads.
DATABASE = "postgres"
LOCK = 0x50434C44


class Work:
    """Something that must run once."""

    def __init__(self) -> None:
        self.runs = False
        self.starts = 0

    def start(self) -> None:
        self.runs, self.starts = True, self.starts + 1

    async def stop(self) -> None:
        self.runs = False


class LongEnding(Background):
    """Work that ends only when it is told to a second time."""

    def __init__(self) -> None:
        self.ending = asyncio.Event()

    async def work(self) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            self.ending.set()
            await asyncio.sleep(60)


def leader_at(stack: Stack, *, alone: bool) -> Leader:
    url = make_url(stack.dsn(DATABASE)).set(drivername="postgresql+asyncpg")
    return Leader(None if alone else Database(url, pool_size=1))


@asynccontextmanager
async def process(stack: Stack) -> AsyncIterator[tuple[Leader, Work]]:
    """One of several processes, as far as this goes."""
    leader = leader_at(stack, alone=False)
    work = leader.add(Work())
    leader.start()
    try:
        yield leader, work
    finally:
        await leader.aclose()


async def take_connection(stack: Stack) -> None:
    """End the connection of who leads."""
    await stack.value(
        "select count(pg_terminate_backend(pid)) from pg_locks where locktype = 'advisory' "
        "and objid = $1 and granted and database = (select oid from pg_database where datname = $2)",
        LOCK,
        DATABASE,
    )


async def holds(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it is true now and so long after, at every look."""
    for _ in range(int(seconds / 0.05)):
        if not condition():
            return False
        await asyncio.sleep(0.05)
    return True


async def test_one_alone_leads_without_asking_anybody(stack: Stack) -> None:
    leader = leader_at(stack, alone=True)
    work = leader.add(Work())
    leader.start()
    assert work.runs
    await leader.aclose()


async def test_the_work_is_done_by_one_process_and_by_the_next_when_that_goes(stack: Stack) -> None:
    async with process(stack) as (_, second):
        async with process(stack) as (_, first):
            await until(lambda: first.runs or second.runs)
            assert await holds(lambda: first.runs != second.runs, 2.5)
            leading = first if first.runs else second
        await until(lambda: second.runs)
        assert not first.runs
        assert leading.starts == 1


async def test_who_is_about_to_end_does_not_begin_to_lead(stack: Stack) -> None:
    async with process(stack) as (leader, ending):
        await until(lambda: ending.runs)
        leader.stopping.set()
        async with process(stack) as (other, second):
            other.stopping.set()
            assert ending.runs, "who leads goes on to the end"
            await leader.aclose()
            assert await holds(lambda: not second.runs, 2.5)


async def test_who_has_lost_its_connection_leads_on_or_makes_way(stack: Stack) -> None:
    async with process(stack) as (_, first):
        await until(lambda: first.runs)
        async with process(stack) as (_, second):
            await take_connection(stack)
            assert await holds(lambda: first.runs or second.runs, 2.5)
            await until(lambda: first.runs != second.runs)


async def test_who_ends_while_it_makes_way_for_another_ends_all_its_work(stack: Stack) -> None:
    async with stack.database(DATABASE) as another, process(stack) as (leader, work):
        long_ending = leader.add(LongEnding())  # stopped before the other one
        await until(lambda: work.runs)
        taking = asyncio.create_task(another.execute(f"select pg_advisory_lock({LOCK})"))
        await until(lambda: waits_for_the_lock(stack))
        await take_connection(stack)
        await taking
        await until(long_ending.ending.is_set)
        closing = asyncio.create_task(leader.aclose())
        ended, _ = await asyncio.wait({closing}, timeout=5)
        assert ended
        assert not work.runs


async def waits_for_the_lock(stack: Stack) -> bool:
    return bool(await stack.value("select count(*) from pg_locks where objid = $1 and not granted", LOCK))
