"""Cleanup: expired results go, interrupted jobs are closed, files that belong to nobody are removed."""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import text

from appliance.core.app_settings import AppSettingsRepository
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.jobs.models import INTERRUPTED_REASON, JobHistory, JobStatus
from appliance.jobs.repository import JobRepository
from appliance.media import retention
from appliance.media.retention import Leftover
from appliance.media.store import EXTENSIONS, MediaStore

log = structlog.get_logger()

GRACE = timedelta(minutes=3)  # longer than any deadline: what is younger may still be in use
BATCH = 500
_LOCK_KEY = 0x50_43_43_4C  # "PCCL": one cleanup at a time, whichever process it runs in


@dataclass(slots=True)
class CleanupReport:
    """What one run did, or with ``dry_run`` would have done."""

    dry_run: bool = False
    already_running: bool = False
    expired_results: int = 0
    orphan_files: int = 0
    abandoned_uploads: int = 0
    interrupted_jobs: int = 0
    recovered_results: int = 0
    freed_bytes: int = 0
    failures: int = 0

    def as_dict(self) -> dict[str, Any]:
        """For logs and ``--json``."""
        return asdict(self)


class Cleanup:
    """Runs against one database and one media folder; safe to run twice at once."""

    def __init__(self, database: Database, media: MediaStore) -> None:
        self._database = database
        self._media = media

    async def run(self, *, dry_run: bool = False) -> CleanupReport:
        """One whole cleanup. With ``dry_run`` nothing is changed and the report says what would be."""
        report = CleanupReport(dry_run=dry_run)
        async with self._only_one() as mine:
            if not mine:
                report.already_running = True
                return report
            await self._expired(report)
            await self._interrupted(report, before=utcnow() - GRACE)
            await self._orphans(report)
            await self._uploads(report)
        log.info("cleanup.done", **report.as_dict())
        return report

    async def settle_interrupted(self, *, before: datetime) -> CleanupReport:
        """Close jobs that a process which is gone left pending; for the app's own start."""
        report = CleanupReport()
        await self._interrupted(report, before=before)
        if report.interrupted_jobs or report.recovered_results:
            log.warning(
                "start.settled", interrupted=report.interrupted_jobs, recovered=report.recovered_results
            )
        return report

    @asynccontextmanager
    async def _only_one(self) -> AsyncIterator[bool]:
        async with self._database.engine.connect() as connection:
            taken = await connection.scalar(text("select pg_try_advisory_lock(:key)"), {"key": _LOCK_KEY})
            await connection.commit()
            try:
                yield bool(taken)
            finally:
                if taken:
                    await connection.execute(text("select pg_advisory_unlock(:key)"), {"key": _LOCK_KEY})

    async def _expired(self, report: CleanupReport) -> None:
        """Files first, then the rows: a crash in between only repeats the removal."""
        while True:
            now = utcnow()
            async with self._database.session() as session:
                jobs = await JobRepository(session).expired(now, 1_000_000 if report.dry_run else BATCH)
            removed = [job.job_id for job in jobs if await self._remove_result(job, report)]
            report.expired_results += len(removed)
            if report.dry_run or not removed:
                return
            async with self._database.session() as session:
                await JobRepository(session).mark_cleaned(removed, now)

    async def _remove_result(self, job: JobHistory, report: CleanupReport) -> bool:
        report.freed_bytes += job.result_size or 0
        if report.dry_run or job.result_key is None:
            return True
        try:
            await asyncio.to_thread(self._media.remove, job.result_key)
        except OSError as error:
            report.failures += 1
            log.error("cleanup.not_removed", key=job.result_key, error=str(error))  # noqa: TRY400 - one line is enough
            return False
        return True

    async def _interrupted(self, report: CleanupReport, *, before: datetime) -> None:
        """Close pending jobs whose process is gone.

        A picture that was stored in time but whose row was not closed was paid for: it is kept.
        """
        async with self._database.session() as session:
            jobs = await JobRepository(session).pending_since_before(before)
            ttl = timedelta(hours=(await AppSettingsRepository(session).operator_settings()).result_ttl_hours)
        for job in jobs:
            stored = await asyncio.to_thread(self._stored_in_time, job)
            if stored is None:
                report.interrupted_jobs += 1
                status, values = JobStatus.FAILED, {"failure_reason": INTERRUPTED_REASON}
            else:
                report.recovered_results += 1
                status, values = JobStatus.DONE, _as_done(stored, ttl)
            if not report.dry_run:
                async with self._database.session() as session:
                    await JobRepository(session).close(job.job_id, status, **values)

    def _stored_in_time(self, job: JobHistory) -> Path | None:
        # The row was opened after the upload, the deadline began before it.
        received = timedelta(milliseconds=job.timings.get("receive", 0))
        latest = job.created_at - received + timedelta(seconds=job.deadline_seconds)
        for extension in EXTENSIONS.values():
            path = self._media.path(f"results/{job.job_id}.{extension}")
            if path.exists() and datetime.fromtimestamp(path.stat().st_mtime, UTC) <= latest:
                return path
        return None

    async def _orphans(self, report: CleanupReport) -> None:
        found = await asyncio.to_thread(list, retention.old_results(self._media, GRACE.total_seconds()))
        for start in range(0, len(found), BATCH):
            batch = found[start : start + BATCH]
            async with self._database.session() as session:
                jobs = JobRepository(session)
                kept = await jobs.known_result_keys([f"results/{item.path.name}" for item in batch])
                running = await jobs.unfinished([item.job_id for item in batch if item.job_id])
            orphans = [
                item
                for item in batch
                if f"results/{item.path.name}" not in kept and item.job_id not in running
            ]
            report.orphan_files += await self._remove_all(orphans, report)

    async def _uploads(self, report: CleanupReport) -> None:
        found = await asyncio.to_thread(list, retention.old_uploads(self._media, GRACE.total_seconds()))
        report.abandoned_uploads += await self._remove_all(found, report)

    async def _remove_all(self, leftovers: Sequence[Leftover], report: CleanupReport) -> int:
        removed = 0
        for item in leftovers:
            try:
                if not report.dry_run:
                    await asyncio.to_thread(retention.remove, item)
            except OSError as error:
                report.failures += 1
                log.error("cleanup.not_removed", path=item.path.name, error=str(error))  # noqa: TRY400
                continue
            removed += 1
            report.freed_bytes += item.size
        return removed


def _as_done(path: Path, ttl: timedelta) -> dict[str, Any]:
    return {
        "result_key": f"results/{path.name}",
        "result_type": mimetypes.types_map.get(path.suffix, "image/webp"),
        "result_size": path.stat().st_size,
        "result_expires_at": utcnow() + ttl,
    }
