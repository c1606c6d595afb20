"""An event of many pictures is exported, marked and wiped without keeping booths waiting."""

from __future__ import annotations

import asyncio
import io
import time
import uuid
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.accounts.permissions import Principal
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.jobs.repository import JobRepository
from appliance.media.store import MediaStore
from appliance.migrations.runner import upgrade
from appliance.staff.event.schemas import CONFIRMATION, WipeRequest
from appliance.staff.event.service import Event
from tests.support.scratch import scratch_database
from tests.support.stack import Stack

NAME = "large_event"
JOBS = 40_000  # more than the 32,767 parameters that a statement may have
SERG = Principal("serg", "admin", frozenset(), uuid.uuid4(), must_change_password=False, address="")
FILL = """insert into job_history (job_id, slot_id, status, provider, operation, upload_type, upload_size,
    upload_sha256, upload_sha1, deadline_seconds, result_key, result_type, result_size, created_at,
    finished_at, result_expires_at, request_fields, attempts)
  select gen_random_uuid(), 'slot-001', 'done', 'local', 'glow', 'image/jpeg', 1, 'a', 'b', 48,
    'results/' || n || '.jpg', 'image/jpeg', 1000000, now() - interval '2 days' + n * interval '1 second',
    now() - interval '2 days' + n * interval '1 second', now() + interval '4 hours',
    jsonb_build_object('survey1', 'Guest ' || n), '[]'
  from generate_series(1, $1::int) n"""


@pytest.fixture
async def database(stack: Stack) -> AsyncIterator[Database]:
    """A database with nothing but a large event."""
    async with scratch_database(stack, NAME) as url:
        await asyncio.to_thread(upgrade, url)
        async with stack.database(NAME) as db:
            await db.execute(
                "insert into slot (slot_id, display_name, provider, operation, updated_by)"
                " values ('slot-001', 'One', 'local', 'glow', 'test')"
            )
            await db.execute(FILL, JOBS)
            await db.execute("analyze job_history")
        made = Database(url)
        try:
            yield made
        finally:
            await made.aclose()


@asynccontextmanager
async def longest_pause() -> AsyncIterator[list[float]]:
    """For how long the event loop was busy at a stretch, in seconds of its thread's own time."""
    pauses = [0.0]

    async def watch() -> None:
        while True:
            since = time.thread_time()
            await asyncio.sleep(0)
            pauses[0] = max(pauses[0], time.thread_time() - since)
            await asyncio.sleep(0.001)

    watching = asyncio.create_task(watch())
    try:
        yield pauses
    finally:
        watching.cancel()
        await asyncio.wait({watching})


async def test_a_large_event_is_exported_marked_and_wiped_and_no_photo_waits_for_that(
    database: Database, tmp_path: Path
) -> None:
    media = MediaStore(tmp_path)
    media.make_folders()
    event = Event(database, media)
    async with longest_pause() as pauses:
        archive = io.BytesIO(b"".join([chunk async for chunk in (await event.export(SERG)).chunks]))
        assert (await event.state()).not_exported == 0
        report = await event.wipe(WipeRequest(confirm=CONFIRMATION), SERG)
    assert (report.rows, report.not_exported) == (JOBS, 0)
    lines = zipfile.ZipFile(archive).read("pictures.csv").decode("utf-8-sig").splitlines()
    assert (len(lines), lines[-1].endswith(f"Guest {JOBS}")) == (JOBS + 1, True)
    assert pauses[0] < 0.05


async def test_the_time_of_any_number_of_results_can_be_ended_at_once(database: Database) -> None:
    async with database.session() as session:
        jobs = JobRepository(session)
        due = await jobs.past_half_their_time(utcnow(), 10**15)
        assert len(due) > 32_767
        await jobs.end_now([job_id for job_id, _ in due], utcnow() - timedelta(seconds=1))
        assert await jobs.past_half_their_time(utcnow(), 10**15) == []


async def test_no_more_results_are_offered_than_make_the_room_that_is_wanted(database: Database) -> None:
    async with database.session() as session:
        assert len(await JobRepository(session).past_half_their_time(utcnow(), 2_500_000_000)) == 2500
