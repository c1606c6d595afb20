"""What must hold whatever was done: nobody's picture is lost, and nothing is left lying about."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import httpx
from sqlalchemy.engine import make_url

from appliance.core.db import Database
from appliance.housekeeping.cleanup import Cleanup, CleanupReport
from appliance.media.store import MediaStore
from tests.chaos.booths import Booths
from tests.support.stack import Stack
from tests.support.waiting import until

OLD = 600.0  # seconds: past every grace time of cleanup
SETTLED_SECONDS = 15.0
FOLDERS = ("temp", "results", "sources", "previews")


async def cleaned(stack: Stack) -> CleanupReport:
    """One cleanup, in a world in which every file is old enough to be judged; what it reports."""
    then = time.time() - OLD
    for folder in FOLDERS:
        for path in (stack.media / folder).rglob("*"):
            os.utime(path, (then, then))

    async def run() -> CleanupReport | None:
        report = await cleanup.run()
        assert report.failures == 0, report
        return None if report.already_running else report

    database = Database(make_url(stack.dsn()).set(drivername="postgresql+asyncpg"), pool_size=2)
    cleanup = Cleanup(database, MediaStore(stack.media))
    try:
        found: CleanupReport = await until(run, seconds=60, every=0.5)
    finally:
        await database.aclose()
    return found


async def assert_nothing_was_lost(booths: Booths) -> None:
    """Every picture that a booth was given is there, byte for byte, and its job is done."""
    async with httpx.AsyncClient(base_url=booths.stack.url, timeout=30, trust_env=False) as client:
        for sent in booths.sent:
            if sent.digest is None:
                continue
            reply = await answered(client, f"/public/results/{sent.job_id}")
            assert reply.status_code == 200, (sent, reply.text)
            assert hashlib.sha256(reply.content).hexdigest() == sent.digest, sent


async def answered(client: httpx.AsyncClient, path: str) -> httpx.Response:
    """The answer, once the appliance is back; a crowd from one address is slowed down besides."""

    async def reply() -> httpx.Response | None:
        found = await client.get(path)
        return None if found.status_code in (429, 503) else found

    found: httpx.Response = await until(reply, seconds=60, every=0.2)
    return found


async def assert_nothing_is_left(stack: Stack, in_flight: int = 0, leaders: int = 0) -> None:
    """After one cleanup: no pending job, no file without its job, no job without its file, no permit, and
    no lock but that of a process that leads others. What an app that was killed has left, the next one
    settles as soon as the database answers it.
    """
    pending = "select count(*) = 0 from job_history where status = 'pending'"
    await until(lambda: stack.value(pending), seconds=SETTLED_SECONDS, every=0.2)
    await cleaned(stack)
    async with stack.database() as db:
        jobs = await db.fetch("select * from job_history")
        locks = await db.fetchval("select count(*) from pg_locks where locktype = 'advisory'")
        permits = await db.fetchval("select count(*) from permit")
    assert (locks, permits) == (leaders, 0)
    assert [dict(job) for job in jobs if job["status"] == "pending"] == []
    for job in jobs:
        if job["status"] == "failed":
            assert job["failure_reason"], dict(job)
    assert files(stack, "results") == {
        job["result_key"]: job["result_size"]
        for job in jobs
        if job["status"] == "done" and not job["cleaned_at"]
    }
    assert set(files(stack, "sources")) == {job["source_key"] for job in jobs if job["source_key"]}
    known = {str(job["job_id"]) for job in jobs}
    assert {Path(name).name[:36] for name in files(stack, "previews")} <= known
    assert len(stack.temp_files()) == in_flight
    temporary = {path.name for path in (stack.data / "run/tmp").rglob("*") if path.is_file()}
    assert temporary <= {"cleanup.beat"}  # by which the cleanup loop shows that it is alive


def files(stack: Stack, folder: str) -> dict[str, int]:
    """Every file in a folder of the store, by its key, with its size."""
    return {f"{folder}/{path.name}": path.stat().st_size for path in (stack.media / folder).iterdir()}
