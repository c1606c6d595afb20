"""Two who change many jobs at once: staff, say, while the cleanup is at work."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.guests.shared_galleries.repository import GalleryRepository
from appliance.jobs.repository import JobRepository
from appliance.jobs.retention import HistoryRetention
from appliance.migrations import tables  # noqa: F401 - a job's row refers to its slot's
from appliance.staff.event.repository import EventRepository
from appliance.staff.settings.repository import SettingsRepository
from tests.support.scratch import migrated_database
from tests.support.stack import Stack
from tests.support.waiting import until

JOBS = [uuid.UUID(int=number) for number in range(1, 31)]
ROWS = """
insert into job_history (job_id, slot_id, status, provider, operation, upload_type, upload_size,
    upload_sha256, request_fields, deadline_seconds, result_key, result_expires_at, created_at, finished_at)
select id, 'slot-001', 'done', 'local', 'glow', 'image/jpeg', 1,
    '', '{"survey1": "Anna"}', 48, 'x', now() + interval '1 d', at, at
from unnest($1::uuid[]) id, (select now() - interval '2 d' as at) then_
"""
Change = Callable[[AsyncSession], Awaitable[object]]


async def forget_answers(session: AsyncSession) -> object:
    return await HistoryRetention(session).forget_answers(utcnow(), timedelta(days=1), timedelta(days=1))


async def forget(session: AsyncSession) -> object:
    return await JobRepository(session).forget(JOBS, utcnow())


async def apply_ttl(session: AsyncSession) -> object:
    return await SettingsRepository(session).apply_ttl(timedelta(days=9))


async def approve(session: AsyncSession) -> object:
    return await GalleryRepository(session).decide(JOBS, utcnow(), approved=True)


async def mark_exported(session: AsyncSession) -> object:
    return await EventRepository(session).mark_exported(JOBS, utcnow())


@pytest.fixture
async def many(stack: Stack) -> AsyncIterator[tuple[Database, asyncpg.Connection]]:
    """A database in which rows are found by their indexes, as in a large one; and a line to it."""
    async with migrated_database(stack, "many_jobs") as url, stack.database("many_jobs") as db:
        await db.execute("alter database many_jobs set enable_seqscan = off")
        await db.execute(
            """insert into slot (slot_id, display_name, provider, operation, updated_by)
               values ('slot-001', 'Glow', 'local', 'glow', 'test')"""
        )
        await db.execute(ROWS, JOBS[::-1])
        database = Database(url)
        yield database, db
        await database.aclose()


@pytest.mark.parametrize("other", [forget, apply_ttl, approve, mark_exported])
async def test_the_one_waits_for_the_other_and_neither_is_broken_off(
    many: tuple[Database, asyncpg.Connection], stack: Stack, other: Change
) -> None:
    database, db = many

    async def change(change_them: Change) -> None:
        async with database.session() as session:
            await change_them(session)

    async def waiting(count: int) -> bool:
        found: int = await stack.value(
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = 'many_jobs'"
        )
        return found == count

    async with db.transaction():  # until both are at work
        await db.execute("select from job_history where job_id = $1 for update", JOBS[-2])
        first = asyncio.create_task(change(other))
        await until(lambda: waiting(1))
        second = asyncio.create_task(change(forget_answers))
        await until(lambda: waiting(2))
    await asyncio.gather(first, second)
    assert await db.fetchval("select count(*) from job_history where request_fields = '{}'") == len(JOBS)
