"""What is being worked at is shown whichever process works at it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.core.clock import Deadline
from appliance.core.db import Database
from appliance.core.siblings import Siblings
from appliance.ingest.gate import Gate
from appliance.jobs.ledger import JobLedger
from appliance.jobs.models import JobHistory
from appliance.media.store import StoredFile
from appliance.migrations import tables  # noqa: F401 - a job's row refers to its slot's
from appliance.providers.attempts import Attempt
from appliance.staff.jobs.progress import JobProgress
from appliance.staff.stats.at_work import WorkOfAll
from tests.support.stack import Stack


@dataclass
class Process:
    """What one process knows of its photos."""

    gate: Gate
    ledger: JobLedger
    progress: JobProgress
    work: WorkOfAll


@pytest.fixture
async def two(database: Database, tmp_path: Path) -> AsyncIterator[list[Process]]:
    made = []
    async with AsyncExitStack() as stack:
        for number in (1, 2):
            siblings = Siblings(f"unix:{tmp_path}/app.sock", number, 2)
            gate, ledger = Gate(), JobLedger(database)
            progress = JobProgress(ledger, siblings)
            made.append(Process(gate, ledger, progress, WorkOfAll(gate.in_use, progress, siblings)))
            await siblings.open()
            stack.push_async_callback(siblings.aclose)
            stack.push_async_callback(ledger.aclose)
        yield made


@pytest.fixture
async def jobs(stack: Stack) -> AsyncIterator[list[JobHistory]]:
    """Two jobs that are about to be opened; their rows are gone after the test."""
    rows = [
        JobHistory(
            job_id=uuid.uuid4(),
            slot_id="slot-001",
            provider="local",
            operation="glow",
            upload_type="image/jpeg",
            upload_size=1,
            upload_sha256="",
            deadline_seconds=48,
        )
        for _ in range(2)
    ]
    yield rows
    async with stack.database() as db:
        await db.execute("delete from job_history where job_id = any($1)", [row.job_id for row in rows])


async def test_photos_of_both_processes_are_counted(two: list[Process]) -> None:
    deadline = Deadline.after(10)
    async with (
        two[0].gate.enter("slot:slot-001", 2, deadline),
        two[1].gate.enter("slot:slot-001", 2, deadline),
        two[1].gate.enter("slot:slot-002", 2, deadline),
    ):
        for one in two:
            assert (await one.work.now()).in_use == {"slot:slot-001": 2, "slot:slot-002": 1}
    assert (await two[0].work.now()).in_use == {}


async def test_how_far_a_picture_is_and_which_is_oldest_is_known_in_both(
    two: list[Process], jobs: list[JobHistory]
) -> None:
    older, newer = (job.job_id for job in jobs)
    async with two[1].ledger.recording(jobs[0], Deadline.after(48)) as record:
        record.attempts.append(
            Attempt("comfyui", "workflow", None, None, 1, queue_position=0, step=7, steps=20)
        )
        async with two[0].ledger.recording(jobs[1], Deadline.after(48)) as other:
            for one in two:
                work = await one.work.now()
                assert [(told.step, told.steps) for told in work.progress["slot-001"]] == [(7, 20)]
                assert work.oldest["slot-001"].job_id == older
                assert [told.step for told in await one.progress.get(older)] == [7]
                assert await one.progress.get(newer) == []
            for ending in (record, other):
                ending.done(StoredFile(f"results/{ending.job_id}.jpg", "image/jpeg", 7), timedelta(hours=1))
