"""An event of many pictures is exported, marked and wiped without keeping booths waiting."""

from __future__ import annotations

import asyncio
import io
import os
import threading
import time
import uuid
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi.concurrency import iterate_in_threadpool
from sqlalchemy import select

from appliance.accounts.permissions import Principal
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.memory import keep_what_is_there
from appliance.core.recent import Changes
from appliance.core.siblings import ALONE
from appliance.guests.tokens import GuestTokens
from appliance.guests.visits import Visits
from appliance.housekeeping.cleanup import Cleanup
from appliance.housekeeping.disk_guard import DiskGuard
from appliance.ingest.booth_requests.log import BoothRequests
from appliance.ingest.booth_requests.retention import BoothRequestRetention
from appliance.jobs.models import JobHistory
from appliance.jobs.repository import JobRepository
from appliance.media.store import MediaStore
from appliance.settings.operator import AppSettingsRepository
from appliance.settings.recent import RecentSettings
from appliance.staff.booths.everywhere import AllBooths
from appliance.staff.event.schemas import CONFIRMATION, WipeRequest
from appliance.staff.event.service import Event
from appliance.staff.jobs.search import JobFilter
from appliance.staff.pictures.archive import StaffArchive
from tests.support.disk import EVERYTHING
from tests.support.scratch import migrated_database
from tests.support.stack import Stack

NAME = "large_event"
# More than the 32,767 parameters that a statement may have. LARGE_EVENT_JOBS=200000 is the whole trial.
JOBS = int(os.environ.get("LARGE_EVENT_JOBS", "33000"))
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
    async with migrated_database(stack, NAME) as url:
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


@contextmanager
def longest_pause() -> Iterator[list[float]]:
    """For how long one step kept the event loop, in seconds of its thread's own time.

    As in the app, the garbage collector does not look at what was there before.
    """
    pauses, run, own = [0.0], asyncio.Handle._run, threading.get_ident()

    def timed(handle: asyncio.Handle) -> None:
        since = time.thread_time()
        run(handle)
        if threading.get_ident() == own:
            pauses[0] = max(pauses[0], time.thread_time() - since)

    keep_what_is_there()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio.Handle, "_run", timed)
        yield pauses


@pytest.fixture
def media(tmp_path: Path) -> MediaStore:
    made = MediaStore(tmp_path)
    made.make_folders()
    return made


async def packed(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


@pytest.mark.timeout(600)
async def test_a_large_event_is_exported_marked_and_wiped_and_no_photo_waits_for_that(
    database: Database, media: MediaStore
) -> None:
    kept = BoothRequests()
    event = Event(database, media, AllBooths(kept, BoothRequestRetention(database, kept), ALONE))
    with longest_pause() as pauses:
        archive = io.BytesIO(await packed((await event.export(SERG)).chunks))
        assert (await event.state()).not_exported == 0
        report = await event.wipe(WipeRequest(confirm=CONFIRMATION), SERG)
    assert (report.rows, report.not_exported) == (JOBS, 0)
    lines = zipfile.ZipFile(archive).read("pictures.csv").decode("utf-8-sig").splitlines()
    assert (len(lines), lines[-1].endswith(f"Guest {JOBS}")) == (JOBS + 1, True)
    assert pauses[0] < 0.05


@pytest.mark.timeout(600)
async def test_pictures_of_a_large_event_are_packed_looked_for_ended_and_removed_meanwhile(
    database: Database, media: MediaStore
) -> None:
    async with database.session() as session:
        settings = AppSettingsRepository(session)
        await settings.put("visit_field", "", by="test")
        await settings.put("visit_pause_seconds", 60, by="test")
        job = (await session.scalars(select(JobHistory).limit(1))).one()
    archive, recent = StaffArchive(database, media), RecentSettings(database, Changes())
    visits = Visits(database, media, GuestTokens(media.root), recent)
    with longest_pause() as pauses:
        chunks = (await archive.open(JobFilter(result="kept"))).chunks
        assert zipfile.ZipFile(io.BytesIO(await packed(iterate_in_threadpool(chunks)))).namelist() == []
        async with database.session() as session:
            in_force = await AppSettingsRepository(session).operator_settings()
        visit = await visits.visit_of(job, in_force)
        assert visit is not None
        assert len((await visits.pictures(visit[0])).jobs) > 1
        async with database.session() as session:
            some = await JobRepository(session).past_half_their_time(utcnow(), 2_500_000_000)
            await AppSettingsRepository(session).put("low_disk_mb", EVERYTHING, by="test")
        cleanup = Cleanup(database, media)
        freed = await DiskGuard(database, media, cleanup).free(None)
        again = await cleanup.run()
    assert some == (2500, 2_500_000_000), "no more than make the room that is wanted"
    assert freed.pictures > 32_767
    assert freed.freed_bytes == freed.pictures * 1_000_000
    assert (again.expired_results, again.forgotten_answers, again.failures) == (0, 0, 0)
    assert pauses[0] < 0.05
