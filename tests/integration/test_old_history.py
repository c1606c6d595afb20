"""What guests said of themselves goes with their pictures, and the history itself has an end."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from appliance.core.db import Database
from appliance.housekeeping.cleanup import Cleanup, CleanupReport
from appliance.media.store import MediaStore
from tests.support.camera import Camera, Shot
from tests.support.cleaning import clean
from tests.support.scratch import migrated_database
from tests.support.stack import Stack

NAME = "old_history"
GUEST = {"survey1": "Anna", "email": "anna@example.org"}
JOB = """insert into job_history (job_id, slot_id, status, provider, operation, upload_type, upload_size,
    upload_sha256, upload_sha1, upload_name, deadline_seconds, request_fields, query_fields, attempts,
    source_key, result_key, result_expires_at, cleaned_at, created_at, finished_at)
  values ($1, 'slot-001', $2, 'local', 'glow', 'image/jpeg', 1, 'a', 'b', 'anna.jpg', 48, $3, $3,
    '[{"detail": "Anna as a queen", "outcome": "failed"}]', $4, 'results/x.jpg', now() + interval '1 day',
    case when $5 then now() end, now() - $6 * interval '1 hour', now() - $6 * interval '1 hour')"""


class History:
    """A database of its own, and the cleanup that works on it."""

    def __init__(self, db: asyncpg.Connection, database: Database, folder: Path) -> None:
        media = MediaStore(folder)
        media.make_folders()
        self.db, self._cleanup = db, Cleanup(database, media)

    async def job(
        self, hours: float, status: str = "done", *, gone: bool = True, photo: str | None = None
    ) -> uuid.UUID:
        """A job that ended so long ago; ``gone``: its picture was cleaned up."""
        job_id = uuid.uuid4()
        await self.db.execute(JOB, job_id, status, GUEST, photo, gone and status == "done", float(hours))
        return job_id

    async def setting(self, key: str, value: Any) -> None:
        await self.db.execute(
            "insert into app_settings (key, value, updated_by) values ($1, $2, '')", key, value
        )

    async def run(self, *, dry_run: bool = False) -> CleanupReport:
        return await self._cleanup.run(dry_run=dry_run)

    async def says(self, job_id: uuid.UUID) -> dict[str, Any] | None:
        """What a row says of the guest; ``None``: there is no such row any more."""
        row = await self.db.fetchrow(
            "select request_fields, query_fields, upload_name, attempts from job_history where job_id = $1",
            job_id,
        )
        return dict(row) if row else None


SILENT = {"request_fields": {}, "query_fields": {}, "upload_name": "", "attempts": [{"outcome": "failed"}]}


@pytest.fixture
async def history(stack: Stack, tmp_path: Path) -> AsyncIterator[History]:
    async with migrated_database(stack, NAME) as url:
        made = Database(url)
        async with stack.database(NAME) as db:
            await db.execute(
                "insert into slot (slot_id, display_name, provider, operation, updated_by)"
                " values ('slot-001', 'One', 'local', 'glow', 'test')"
            )
            yield History(db, made, tmp_path)
        await made.aclose()


async def test_a_guests_answers_go_with_the_picture(stack: Stack, camera: Camera, shot: Shot) -> None:
    shot.fields = dict(GUEST)
    job_id = (await camera.post("/api/ingest/slot-001?reply=json&name=Anna", shot)).json()["job_id"]
    row = await stack.row(job_id)
    assert (row["request_fields"], row["query_fields"]["name"]) == (GUEST, "Anna")
    await clean(stack)
    assert (await stack.row(job_id))["request_fields"] == GUEST, "the picture is still there"
    async with stack.database() as db:
        await db.execute("update job_history set result_expires_at = now() where job_id = $1", job_id)
    await clean(stack)
    row = await stack.row(job_id)
    assert (row["request_fields"], row["query_fields"], row["upload_name"]) == ({}, {}, "")
    assert row["status"] == "done"


async def test_they_stay_as_long_as_the_guests_own_photo_is_kept(history: History) -> None:
    await history.setting("keep_sources_hours", 10)
    kept, over = await history.job(9, photo="sources/x.jpg"), await history.job(11, photo="sources/y.jpg")
    await history.run()
    assert (await history.says(kept) or {})["request_fields"] == GUEST
    assert await history.says(over) == SILENT


@pytest.mark.parametrize("status", ["failed", "timeout"])
async def test_without_a_picture_they_go_when_one_would_have_gone(history: History, status: str) -> None:
    young, old = await history.job(71, status), await history.job(73, status)
    await history.run()
    assert (await history.says(young) or {})["request_fields"] == GUEST
    assert await history.says(old) == SILENT


async def test_a_setting_keeps_them_longer_or_shorter_than_the_picture(history: History) -> None:
    await history.setting("keep_answers_days", 30)
    young, old = await history.job(29 * 24), await history.job(31 * 24)
    with_picture = await history.job(31 * 24, gone=False)
    report = await history.run()
    assert (await history.says(young) or {})["request_fields"] == GUEST
    assert [await history.says(old), await history.says(with_picture)] == [SILENT, SILENT]
    assert report.forgotten_answers == 2


async def test_old_jobs_leave_the_history_once_they_have_no_files(history: History) -> None:
    young, old = await history.job(399 * 24), await history.job(401 * 24, "failed")
    with_picture, pending = await history.job(401 * 24, gone=False), await history.job(401 * 24, "pending")
    await history.db.execute("update job_history set created_at = now() where job_id = $1", pending)
    seen = await history.run(dry_run=True)
    assert (seen.forgotten_answers, seen.old_jobs) == (2, 1)
    assert (await history.run()).old_jobs == 1
    assert await history.says(old) is None
    assert None not in [await history.says(one) for one in (young, with_picture, pending)]
    await history.setting("keep_history_days", 100)
    assert (await history.run()).old_jobs == 1
    assert await history.says(young) is None


async def test_the_digest_that_earlier_versions_kept_goes_too(history: History) -> None:
    job_id = await history.job(1, gone=False)
    await history.run()
    assert await history.db.fetchval("select upload_sha1 from job_history where job_id = $1", job_id) == ""
