"""What a history of a million jobs costs: the slowest questions to it, and cleanup.

    python scripts/bench/history.py [--jobs 1000000] [--rounds 5] [--only queries|cleanup]

Starts an appliance of its own in a temporary folder and fills its history.

The questions: milliseconds of EXPLAIN ANALYZE's execution time, the least of some rounds. The floor is
looking up one job by its id. Cleanup: seconds on the clock of a run that removes nothing, and of one that
removes 10,000 expired pictures with 24,000 previews. The floor is removing as many files and nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import Select, TextClause, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import make_url

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.guests.shared_galleries.models import SharedGallery
from appliance.guests.shared_galleries.repository import pictures_of
from appliance.housekeeping.cleanup import Cleanup
from appliance.jobs.models import JobHistory, JobStatus
from appliance.media.store import MediaStore
from appliance.staff.jobs.search import JobFilter, jobs_query
from appliance.staff.stats.queries import NEWEST, SLOT_FIGURES
from appliance.staff.webhooks.repository import finished_after
from scripts.bench._figures import Figures
from tests.support.history import fill_history
from tests.support.stack import Stack, running_stack

EXPIRED, PREVIEWS = 10_000, 24_000
LONG = 900  # seconds: filling is not what is measured

Query = Select[Any] | TextClause
# Some jobs timed out; most pictures have expired and gone, a few were deleted or hidden.
_MIXED = """
update job_history set status = case when right(md5(job_id::text), 1) < '3' and status = 'failed'
        then 'timeout' else status end,
    cleaned_at = case when status = 'done' and result_expires_at < now() then result_expires_at end,
    deleted_at = case when status = 'done' and right(md5(job_id::text), 3) = 'abc' then finished_at end,
    hidden_at = case when status = 'done' and right(md5(job_id::text), 3) = 'abd' then finished_at end
    where status = 'failed' or result_expires_at < now() or right(md5(job_id::text), 3) in ('abc', 'abd')
"""
_EXPIRE = """
update job_history set result_expires_at = now() - interval '1 h', cleaned_at = null where job_id in (
    select job_id from job_history where status = 'done' and deleted_at is null
    order by created_at desc limit $1)
returning job_id, result_key
"""


@dataclass
class Question:
    """One query, and how long it may take in milliseconds."""

    name: str
    query: Query
    goal: float


def questions() -> list[Question]:
    """What pages and lists ask."""
    event = SharedGallery(
        slot_id=None, pictures_from=datetime.fromisoformat("2020-01-01T00:00Z"), moderated=False
    )
    found = [Question("stats of all slots", SLOT_FIGURES, 20)]
    for name, wanted in (
        ("jobs, newest", JobFilter()),
        ("jobs, status=timeout", JobFilter(status=JobStatus.TIMEOUT)),
        ("jobs, status=failed", JobFilter(status=JobStatus.FAILED)),
        ("gallery, status=deleted", JobFilter(result="deleted")),
        ("gallery, status=hidden", JobFilter(result="hidden")),
        ("gallery, status=available", JobFilter(result="available")),
    ):
        found.append(Question(name, jobs_query(wanted, limit=50), 2))
    ended = utcnow() - timedelta(minutes=2)
    found.append(Question("webhooks, a look", finished_after(ended, uuid.UUID(int=0)), 2))
    found.append(Question("guests' gallery of all time", pictures_of(event, utcnow(), 60), 2))
    return found


async def took(db: asyncpg.Connection, query: Query, rounds: int) -> float:
    """Milliseconds of the quickest round."""
    statement = query.bindparams(newest=NEWEST) if isinstance(query, TextClause) else query
    literal = {"literal_binds": True}
    text = str(statement.compile(dialect=postgresql.dialect(), compile_kwargs=literal))
    plans = [
        json.loads(await db.fetchval(f"explain (analyze, format json) {text}"))[0] for _ in range(rounds)
    ]
    return float(min(plan["Execution Time"] for plan in plans))


async def ask(db: asyncpg.Connection, jobs: int, rounds: int) -> None:
    """The questions of pages and lists."""
    floor = await took(db, select(JobHistory).where(JobHistory.job_id == uuid.uuid4()), rounds)
    figures = Figures("queries", f"ms in PostgreSQL, {jobs:,} jobs", "one job by its id", floor)
    for one in questions():
        figures.add(one.name, await took(db, one.query, rounds), one.goal)
    figures.tell()


def make_files(media: MediaStore, rows: list[tuple[uuid.UUID, str]]) -> int:
    """The pictures of these jobs, and previews; how many there are."""
    names = [key for _, key in rows]
    endings = ("webp", "s320.webp", "s960.webp")
    names += [f"previews/{job}.{ending}" for ending in endings for job, _ in rows][:PREVIEWS]
    old = time.time() - 3600
    for name in names:
        path = media.path(name)
        path.write_bytes(b"x")
        os.utime(path, (old, old))
    return len(names)


async def clean(stack: Stack, db: asyncpg.Connection) -> None:
    """Two runs of cleanup."""
    database = Database(make_url(stack.dsn()).set(drivername="postgresql+asyncpg"))
    media = MediaStore(stack.media)
    cleanup = Cleanup(database, media)
    rows = [(row["job_id"], row["result_key"]) for row in await db.fetch(_EXPIRE, EXPIRED)]
    await db.execute(
        "update job_history set result_expires_at = now() + interval '1 h' where cleaned_at is null"
    )
    await db.execute("vacuum analyze job_history", timeout=LONG)
    count = make_files(media, rows)
    await cleanup.run()  # warm
    since = time.monotonic()
    idle = await cleanup.run()
    nothing = time.monotonic() - since
    await db.execute(
        "update job_history set result_expires_at = now() - interval '1 h' where cleaned_at is null"
    )
    since = time.monotonic()
    report = await cleanup.run()
    seconds = time.monotonic() - since
    if idle.expired_results or report.expired_results < len(rows):
        sys.exit(f"not what was to be measured: {idle}, {report}")
    make_files(media, rows)
    since = time.monotonic()
    for folder in ("results", "previews"):
        for path in (stack.media / folder).iterdir():
            path.unlink()
    figures = Figures(
        "cleanup", "seconds", f"removing {count:,} files and nothing else", time.monotonic() - since
    )
    figures.add("a run that removes nothing", nothing, 1)
    figures.add(f"a run that removes {count:,} files", seconds, count / 3000)
    figures.tell()
    await database.aclose()


async def measure(stack: Stack, given: argparse.Namespace) -> None:
    """Fill the history, and measure."""
    url = make_url(stack.dsn()).set(drivername="postgresql+asyncpg")
    await fill_history(url, jobs=given.jobs, seconds=LONG)
    async with stack.database() as db:
        await db.execute(_MIXED, timeout=LONG)
        await db.execute("vacuum analyze job_history", timeout=LONG)
        if given.only != "cleanup":
            await ask(db, given.jobs, given.rounds)
        if given.only != "queries":
            await clean(stack, db)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("queries", "cleanup"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder) / "appliance") as stack:
        asyncio.run(measure(stack, given))


if __name__ == "__main__":
    main()
