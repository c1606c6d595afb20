"""A photo that is still under way while an event is wiped."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from appliance.accounts.permissions import Principal
from appliance.core.db import Database
from appliance.core.siblings import ALONE
from appliance.ingest.booth_requests.log import BoothRequests
from appliance.ingest.booth_requests.retention import BoothRequestRetention
from appliance.jobs.repository import JobRepository
from appliance.media.store import MediaStore
from appliance.migrations import tables  # noqa: F401 - a job's row refers to its slot's
from appliance.staff.booths.everywhere import AllBooths
from appliance.staff.event.schemas import CONFIRMATION, WipeRequest
from appliance.staff.event.service import Event
from tests.support.scratch import migrated_database
from tests.support.stack import Stack

SERG = Principal("serg", "admin", frozenset(), uuid.uuid4(), must_change_password=False, address="::1")
SLOT = """insert into slot (slot_id, display_name, provider, operation, updated_by)
    values ('slot-001', 'Glow', 'local', 'glow', 'test')"""
JOB = """insert into job_history (job_id, slot_id, status, provider, operation, upload_type, upload_size,
    upload_sha256, request_fields, deadline_seconds, created_at)
    values (gen_random_uuid(), 'slot-001', $1, 'local', 'glow', 'image/jpeg', 1,
    'abc', '{"survey1": "Anna"}', 48, now() - make_interval(secs => $2))"""


async def test_what_a_guest_said_goes_also_where_the_photo_failed_during_the_wipe(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with migrated_database(stack, "wipe") as url, stack.database("wipe") as db:
        await db.execute(SLOT)
        await db.execute(JOB, "pending", 20)
        await db.execute(JOB, "failed", 10)
        real = JobRepository.forget

        async def forget(*of: Any) -> None:
            await real(*of)
            await db.execute("update job_history set status = 'failed' where status = 'pending'")

        monkeypatch.setattr(JobRepository, "forget", forget)
        database, kept = Database(url), BoothRequests()
        booths = AllBooths(kept, BoothRequestRetention(database, kept), ALONE)
        wanted = WipeRequest(confirm=CONFIRMATION, even_not_exported=True)
        report = await Event(database, MediaStore(tmp_path), booths).wipe(wanted, SERG)
        assert (report.rows, report.still_running) == (2, 0)
        assert await db.fetchval("select count(*) from job_history where request_fields <> '{}'") == 0
        await database.aclose()
