"""Cleanup: expired and deleted results go, kept photos after their time, and files that belong to nobody;
interrupted jobs are closed; what guests said of themselves and old rows leave the history.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import text

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.images import PICTURE_TYPES
from appliance.core.ratelimit import RateLimiter
from appliance.housekeeping.old_history import OldHistory
from appliance.jobs import tally
from appliance.jobs.models import INTERRUPTED_REASON, JobHistory, JobStatus
from appliance.jobs.repository import JobRepository, columns_of_done
from appliance.media import retention
from appliance.media.retention import Leftover
from appliance.media.store import OWN_PHOTO, MediaStore, StoredFile
from appliance.settings.operator import AppSettingsRepository

log = structlog.get_logger()

GRACE = timedelta(minutes=3)  # longer than any deadline: what is younger may still be in use
BATCH = 500
LOOKED_UP = 5000  # files whose jobs are looked up at once
_LOCK_KEY = 0x50_43_43_4C  # "PCCL": one cleanup at a time, whichever process it runs in


Finder = Callable[[JobRepository, datetime, int], Awaitable[Sequence[JobHistory]]]


@dataclass(slots=True)
class CleanupReport:
    """What one run did, or with ``dry_run`` would have done."""

    dry_run: bool = False
    already_running: bool = False
    expired_results: int = 0
    deleted_results: int = 0
    kept_photos: int = 0
    orphan_files: int = 0
    abandoned_uploads: int = 0
    interrupted_jobs: int = 0
    recovered_results: int = 0
    forgotten_answers: int = 0
    old_jobs: int = 0
    freed_bytes: int = 0
    failures: int = 0

    def as_dict(self) -> dict[str, Any]:
        """For logs and ``--json``."""
        return asdict(self)


class Cleanup:
    """Runs against one database and one media folder; safe to run twice at once.

    ``node``: on which machine of several. The locks on uploads tell only what its own processes work at.
    """

    def __init__(self, database: Database, media: MediaStore, node: int = 1) -> None:
        self._database, self._node = database, node
        self._media = media
        self._history = OldHistory(database)

    async def run(self, *, dry_run: bool = False) -> CleanupReport:
        """One whole cleanup. With ``dry_run`` nothing is changed and the report says what would be."""
        report = CleanupReport(dry_run=dry_run)
        async with self._only_one() as mine:
            if not mine:
                report.already_running = True
                return report
            report.expired_results = await self._results(report, JobRepository.expired)
            report.deleted_results = await self._results(report, JobRepository.deleted)
            await self._sources(report)
            await self._interrupted(report, before=utcnow() - GRACE)
            await self._orphans(report)
            await self._uploads(report)
            report.forgotten_answers = await self._history.forget_answers(dry_run=dry_run)
            if not dry_run:
                await self._count_photos()
            report.old_jobs = await self._history.remove_old(dry_run=dry_run)
            if not dry_run:
                async with self._database.session() as session:
                    await RateLimiter(session).forget_old()
                    await tally.note_success(session, "cleanup")
        log.info("cleanup.done", **report.as_dict())
        return report

    async def settle_interrupted(self, *, before: datetime) -> CleanupReport:
        """Close jobs and remove uploads that a process which is gone left ``before`` the app's own start.

        Those of this machine: others look after theirs, or ``settle_lost`` does.
        """
        report = CleanupReport()
        await self._interrupted(report, before=before, node=self._node)
        age = max(0.0, (utcnow() - before).total_seconds())  # what is younger is our own
        left = await asyncio.to_thread(list, retention.old_uploads(self._media, age))
        report.abandoned_uploads += await self._remove_all(left, report)
        if report.interrupted_jobs or report.recovered_results:
            log.warning(
                "start.settled", interrupted=report.interrupted_jobs, recovered=report.recovered_results
            )
        return report

    async def settle_lost(self, node: int, *, before: datetime) -> CleanupReport:
        """Close the jobs of another machine that has gone without a word ``before`` that moment."""
        report = CleanupReport()
        await self._interrupted(report, before=before, node=node)
        log.warning(
            "node.settled",
            node=node,
            interrupted=report.interrupted_jobs,
            recovered=report.recovered_results,
        )
        return report

    async def _count_photos(self) -> None:
        """Add what has ended to the sums that outlive the history, a day at a time."""
        more = True
        while more:
            async with self._database.session() as session:
                more = await tally.count_next(session)

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

    async def _results(self, report: CleanupReport, find: Finder) -> int:
        """Files first, then the rows: a crash in between only repeats the removal."""
        total = 0
        while True:
            now = utcnow()
            async with self._database.session() as session:
                jobs = await find(JobRepository(session), now, 1_000_000 if report.dry_run else BATCH)
            report.freed_bytes += sum(job.result_size or 0 for job in jobs)
            removed = jobs if report.dry_run else await self._removed(jobs, self._drop_result, report)
            total += len(removed)
            if report.dry_run or not removed:
                return total
            async with self._database.session() as session:
                rows = JobRepository(session)
                await rows.mark_cleaned([job.job_id for job in removed], now)
                await rows.forget([job.job_id for job in removed if job.deleted_at], now)

    def _drop_result(self, job: JobHistory) -> None:
        """A result with its previews; with a deleted one the guest's own photo goes too."""
        self._media.forget(job.job_id, job.result_key, job.source_key if job.deleted_at else None)

    async def _removed(
        self, jobs: Sequence[JobHistory], work: Callable[[JobHistory], None], report: CleanupReport
    ) -> Sequence[JobHistory]:
        """Those for which ``work`` was done; all in one thread, since each is a matter of microseconds."""

        def done(job: JobHistory) -> bool:
            try:
                work(job)
            except OSError as error:
                report.failures += 1
                log.error("cleanup.not_removed", job=str(job.job_id), error=str(error))  # noqa: TRY400 - one line is enough
                return False
            return True

        return await asyncio.to_thread(lambda: [job for job in jobs if done(job)])

    async def _sources(self, report: CleanupReport) -> None:
        """Guests' own photos go when the operator's time for them is over."""
        while True:
            async with self._database.session() as session:
                hours = (await AppSettingsRepository(session).operator_settings()).keep_sources_hours
                before = utcnow() - timedelta(hours=hours)
                limit = 1_000_000 if report.dry_run else BATCH
                jobs = await JobRepository(session).sources_before(before, limit)
            report.freed_bytes += sum(job.upload_size for job in jobs)
            removed = jobs if report.dry_run else await self._removed(jobs, self._drop_source, report)
            report.kept_photos += len(removed)
            if report.dry_run or not removed:
                return
            async with self._database.session() as session:
                await JobRepository(session).forget_sources([job.job_id for job in removed])

    def _drop_source(self, job: JobHistory) -> None:
        if job.source_key:
            self._media.remove(job.source_key)
        self._media.remove_previews(job.job_id, OWN_PHOTO)

    async def _interrupted(self, report: CleanupReport, *, before: datetime, node: int | None = None) -> None:
        """Close pending jobs whose process is gone: of one machine, or of all.

        A picture that was stored in time but whose row was not closed was paid for: it is kept.
        """
        async with self._database.session() as session:
            jobs = await JobRepository(session).pending_since_before(before, node)
            ttl = timedelta(hours=(await AppSettingsRepository(session).operator_settings()).result_ttl_hours)
        for job in jobs:
            if await asyncio.to_thread(self._media.is_in_use, job.slot_id, job.job_id):
                continue
            stored = await asyncio.to_thread(self._stored_in_time, job)
            if stored is None:
                report.interrupted_jobs += 1
                status, values = JobStatus.FAILED, {"failure_reason": INTERRUPTED_REASON}
            else:
                report.recovered_results += 1
                status, values = JobStatus.DONE, columns_of_done(stored, ttl)
            if not report.dry_run:
                async with self._database.session() as session:
                    await JobRepository(session).close(job.job_id, status, **values)

    def _stored_in_time(self, job: JobHistory) -> StoredFile | None:
        latest = job.deadline_at or _reckoned_deadline(job)
        for kind in PICTURE_TYPES.values():
            key = f"results/{job.job_id}.{kind.extension}"
            with contextlib.suppress(FileNotFoundError):
                found = self._media.path(key).stat()
                if datetime.fromtimestamp(found.st_mtime, UTC) <= latest:
                    return StoredFile(key, kind.media_type, found.st_size)
        return None

    async def _orphans(self, report: CleanupReport) -> None:
        for folder in ("results", "sources", "previews"):
            grace = GRACE.total_seconds()
            found = await asyncio.to_thread(list, retention.old_files(self._media, folder, grace))
            for start in range(0, len(found), LOOKED_UP):
                orphans = await self._without_job(folder, found[start : start + LOOKED_UP])
                report.orphan_files += await self._remove_all(orphans, report)

    async def _without_job(self, folder: str, batch: Sequence[Leftover]) -> list[Leftover]:
        ids = list({item.job_id for item in batch if item.job_id})  # a job has many previews
        keys = [f"{folder}/{item.name}" for item in batch]
        async with self._database.session() as session:
            jobs = JobRepository(session)
            if folder == "previews":
                known, with_photo = await jobs.with_files(ids), await jobs.with_sources(ids)
                return [
                    item
                    for item in batch
                    if item.job_id not in known or (item.of_own_photo and item.job_id not in with_photo)
                ]
            # In this order: of a job that ends in between the file is known.
            running, kept = await jobs.unfinished(ids), await jobs.keys_of(ids)
        return [
            item
            for item, key in zip(batch, keys, strict=True)
            if key not in kept and item.job_id not in running
        ]

    async def _uploads(self, report: CleanupReport) -> None:
        found = await asyncio.to_thread(list, retention.old_uploads(self._media, GRACE.total_seconds()))
        report.abandoned_uploads += await self._remove_all(found, report)

    async def _remove_all(self, leftovers: Sequence[Leftover], report: CleanupReport) -> int:
        return await asyncio.to_thread(self._remove_each, leftovers, report)

    def _remove_each(self, leftovers: Sequence[Leftover], report: CleanupReport) -> int:
        removed = 0
        for item in leftovers:
            try:
                if not report.dry_run:
                    retention.remove(item)
            except OSError as error:
                report.failures += 1
                log.error("cleanup.not_removed", path=item.name, error=str(error))  # noqa: TRY400
                continue
            removed += 1
            report.freed_bytes += item.size
        return removed


def _reckoned_deadline(job: JobHistory) -> datetime:
    """Of a row that the version before opened: after the upload, while the deadline began before it."""
    received = timedelta(milliseconds=job.timings.get("receive", 0))
    return job.created_at - received + timedelta(seconds=job.deadline_seconds)
