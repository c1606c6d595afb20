"""A stored picture is never given up because the database is away when its job is closed."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.core.clock import Deadline, utcnow
from appliance.core.db import Database
from appliance.core.errors import DatabaseUnavailable, DeadlineExceeded
from appliance.housekeeping.cleanup import Cleanup
from appliance.jobs.ledger import JobLedger
from appliance.jobs.models import JobHistory
from appliance.media.store import MediaStore, StoredFile
from appliance.migrations import tables  # noqa: F401 - a job's row refers to its slot's
from tests.support.line import Line, line_to_database
from tests.support.stack import Stack
from tests.support.waiting import until


@pytest.fixture
async def line_and_ledger(stack: Stack) -> AsyncIterator[tuple[Line, JobLedger]]:
    """A ledger, and the line between it and its database."""
    async with line_to_database(stack) as (line, url):
        database = Database(url)
        ledger = JobLedger(database)
        yield line, ledger
        line.mend()
        await ledger.aclose()
        await database.aclose()


@pytest.fixture
def line(line_and_ledger: tuple[Line, JobLedger]) -> Line:
    return line_and_ledger[0]


@pytest.fixture
def ledger(line_and_ledger: tuple[Line, JobLedger]) -> JobLedger:
    return line_and_ledger[1]


@pytest.fixture
async def job(stack: Stack) -> AsyncIterator[JobHistory]:
    """A job that is about to be opened; its row is gone after the test."""
    row = JobHistory(
        job_id=uuid.uuid4(),
        slot_id="slot-001",
        provider="local",
        operation="glow",
        upload_type="image/jpeg",
        upload_size=1,
        upload_sha256="",
        deadline_seconds=48,
        deadline_at=utcnow() + timedelta(seconds=48),
    )
    yield row
    async with stack.database() as db:
        await db.execute("delete from job_history where job_id = $1", row.job_id)


def picture_of(job: JobHistory) -> StoredFile:
    return StoredFile(f"results/{job.job_id}.jpg", "image/jpeg", 7)


async def deliver(ledger: JobLedger, job: JobHistory, seconds: float, line: Line, how: str) -> None:
    """A whole job whose database goes away right after its picture was stored."""
    async with ledger.recording(job, Deadline.after(seconds)) as record:
        record.done(picture_of(job), timedelta(hours=72))
        getattr(line, how)()


async def status_of(stack: Stack, job: JobHistory) -> str:
    found: str = (await stack.row(str(job.job_id)))["status"]
    return found


@pytest.mark.parametrize("how", ["cut", "restart"])
async def test_a_database_that_is_away_for_a_moment_costs_no_stored_picture(
    stack: Stack, ledger: JobLedger, line: Line, job: JobHistory, how: str
) -> None:
    delivering = asyncio.create_task(deliver(ledger, job, 30, line, how))
    await until(lambda: line.refused >= 2)
    line.mend()
    await delivering
    row = await stack.row(str(job.job_id))
    assert (row["status"], row["result_key"], row["failure_reason"]) == ("done", picture_of(job).key, None)


@pytest.mark.parametrize("how", ["cut", "silence", "restart"])
async def test_a_database_that_stays_away_is_named_as_the_reason_and_the_row_waits_for_cleanup(
    stack: Stack, ledger: JobLedger, line: Line, job: JobHistory, how: str
) -> None:
    deadline = Deadline.after(1)
    with pytest.raises(DatabaseUnavailable) as refused:
        await deliver(ledger, job, 1, line, how)
    assert refused.value.job_id == str(job.job_id)
    assert deadline.elapsed() < 1.9
    assert await status_of(stack, job) == "pending"


async def test_a_row_that_was_closed_as_done_although_nobody_heard_of_it_is_a_delivery(
    stack: Stack, ledger: JobLedger, line: Line, job: JobHistory
) -> None:
    delivering = asyncio.create_task(deliver(ledger, job, 30, line, "cut"))
    await until(lambda: line.refused)
    async with stack.database() as db:
        await db.execute(
            """update job_history set status = 'done', result_key = 'k', result_type = 't', result_size = 7,
                 finished_at = now(), result_expires_at = now() where job_id = $1""",
            job.job_id,
        )
    line.mend()
    await delivering


async def test_a_job_that_is_cut_off_after_its_picture_was_stored_is_closed_as_done(
    stack: Stack, ledger: JobLedger, job: JobHistory
) -> None:
    async def cut_off() -> None:
        async with ledger.recording(job, Deadline.after(30)) as record:
            record.done(picture_of(job), timedelta(hours=72))
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await cut_off()
    assert await status_of(stack, job) == "done"


async def test_a_picture_of_a_machine_that_was_held_to_be_lost_is_a_delivery(
    stack: Stack, job: JobHistory, tmp_path: Path
) -> None:
    """It could not reach the database for a while, and the first machine has closed its jobs."""
    async with line_to_database(stack) as (_, url):
        database = Database(url)
        async with JobLedger(database, node=7).recording(job, Deadline.after(30)) as record:
            await Cleanup(database, MediaStore(tmp_path)).settle_lost(7, before=utcnow())
            assert await status_of(stack, job) == "failed"
            record.done(picture_of(job), timedelta(hours=72))
        await database.aclose()
    row = await stack.row(str(job.job_id))
    assert (row["status"], row["result_key"], row["failure_reason"]) == ("done", picture_of(job).key, None)


async def test_a_job_without_a_picture_in_time_is_closed_as_timeout(
    stack: Stack, ledger: JobLedger, job: JobHistory
) -> None:
    with pytest.raises(DeadlineExceeded):
        async with ledger.recording(job, Deadline.after(30)):
            raise TimeoutError
    assert await status_of(stack, job) == "timeout"


async def test_a_job_that_failed_while_the_database_was_away_is_closed_once_it_is_back(
    stack: Stack, ledger: JobLedger, line: Line, job: JobHistory
) -> None:
    """Until then another process takes the same photo, sent again, for one that is under way."""

    async def too_slow() -> None:
        async with ledger.recording(job, Deadline.after(1)):
            line.cut()
            raise TimeoutError

    with pytest.raises(DeadlineExceeded):
        await too_slow()
    assert await status_of(stack, job) == "pending"
    line.mend()

    async def is_closed() -> bool:
        return await status_of(stack, job) == "timeout"

    await until(is_closed)


async def test_a_job_that_was_opened_although_nobody_heard_of_it_is_closed(
    stack: Stack, ledger: JobLedger, line: Line, job: JobHistory
) -> None:
    """As where the disk stalls: what was written is there in the end, and the booth was refused."""

    async def and_then_the_answer_is_lost(_: AsyncSession) -> bool:
        line.mute()
        return True

    async def opened() -> None:
        async with ledger.recording(job, Deadline.after(20), and_then_the_answer_is_lost):
            pytest.fail("nobody knows whether it was opened")

    async def status() -> str | None:
        found: str | None = await stack.value(
            "select status from job_history where job_id = $1::uuid", job.job_id
        )
        return found

    async def is_closed() -> bool:
        return await status() == "failed"

    opening = asyncio.create_task(opened())
    await until(status)
    line.cut()
    with pytest.raises(DBAPIError):
        await opening
    line.mend()
    await until(is_closed, seconds=8)
