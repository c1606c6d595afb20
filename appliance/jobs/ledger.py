"""The ledger: every job is opened once and closed once, whatever happens in between."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.core.clock import Deadline
from appliance.core.db import Database
from appliance.core.error_handlers import from_database
from appliance.core.errors import ApplianceError, DatabaseUnavailable, DeadlineExceeded, InternalError
from appliance.jobs.models import IN_FLIGHT, INTERRUPTED_REASON, TIMEOUT_REASON, JobHistory, JobStatus
from appliance.jobs.repository import JobRepository, columns_of_done
from appliance.media.store import StoredFile
from appliance.providers.attempts import Attempt, decided

log = structlog.get_logger()

CLOSE_SECONDS = 0.7  # how long an answer waits for its row to be closed; closing itself goes on
AGAIN_SECONDS = 0.25  # between tries to close a row while the database is away and the job has time
LATER_SECONDS = 2.0  # and afterwards
UNHEARD_TRIES = 30


class PhotoInFlight(Exception):
    """There is a job for the same photo whose row is not closed: another process works at it, or this one
    could not write down yet what came of it.
    """


IsFirst = Callable[[AsyncSession], Awaitable[bool]]


@dataclass(slots=True)
class JobRecord:
    """What is learned about a job while it runs; written when it closes."""

    job_id: uuid.UUID
    slot_id: str
    deadline: Deadline
    timings: dict[str, int] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    result: StoredFile | None = None
    source_key: str | None = None
    primary_route: str | None = None
    result_ttl: timedelta = timedelta(0)

    def mark(self, step: str, since: float) -> float:
        """Note the milliseconds since ``since`` (monotonic seconds) as ``step``; returns now."""
        now = time.monotonic()
        self.timings[step] = round((now - since) * 1000)
        return now

    def done(self, stored: StoredFile, ttl: timedelta) -> None:
        """The picture is stored; the row closes as done when the block ends."""
        self.result = stored
        self.result_ttl = ttl


class JobLedger:
    """Opens and closes rows of ``job_history``, each in a short transaction of its own."""

    def __init__(self, database: Database, node: int = 1) -> None:
        self._database, self._node = database, node
        self._closing: set[asyncio.Task[bool]] = set()
        self._open: dict[uuid.UUID, JobRecord] = {}

    def open_jobs(self) -> Mapping[uuid.UUID, JobRecord]:
        """What is known by now of the jobs that are being worked at: of this, rows hold nothing yet."""
        return MappingProxyType(self._open)

    @asynccontextmanager
    async def recording(
        self, row: JobHistory, deadline: Deadline, is_first: IsFirst | None = None
    ) -> AsyncIterator[JobRecord]:
        """Open ``row`` as pending; close it exactly once when the block ends.

        The block must call ``JobRecord.done`` or raise. ``TimeoutError`` becomes
        ``DeadlineExceeded`` (status ``timeout``); other failures keep their class (status
        ``failed``); a cancelled block closes as interrupted and stays cancelled.

        Once ``JobRecord.done`` was called the row closes as done: ``DatabaseUnavailable`` is raised when
        that could not be written in time. What is not written as long as this process lives, cleanup closes.
        ``PhotoInFlight``: there is such a job for this photo, or has been by now as ``is_first`` finds;
        nothing was begun.
        """
        record = JobRecord(row.job_id, row.slot_id, deadline)
        row.node = self._node
        await self._begin(row, is_first, record)
        self._open[record.job_id] = record
        try:
            yield record
            if record.result is None:
                raise InternalError  # noqa: TRY301 - a block that neither delivers nor raises is our own fault
        except TimeoutError:
            late = DeadlineExceeded(job_id=str(record.job_id))
            await self._close(record, JobStatus.TIMEOUT, TIMEOUT_REASON, late)
            raise late from None
        except ApplianceError as error:
            error.job_id = str(record.job_id)
            await self._close(record, JobStatus.FAILED, str(error.code), error)
            raise
        except asyncio.CancelledError:
            await self._close(record, JobStatus.FAILED, INTERRUPTED_REASON, None)
            raise
        except Exception as cause:
            crash = from_database(cause) or InternalError()
            crash.job_id = str(record.job_id)
            log.exception("job.crashed", job=str(record.job_id))
            await self._close(record, JobStatus.FAILED, str(crash.code), crash)
            raise crash from cause
        else:
            await self._close_done(record, record.result)
        finally:
            del self._open[record.job_id]

    async def _begin(self, row: JobHistory, is_first: IsFirst | None, record: JobRecord) -> None:
        is_written = False
        try:
            async with self._database.session() as session:
                JobRepository(session).add(row)
                if is_first is not None:
                    await session.flush()  # from here on no other process can begin
                    if not await is_first(session):
                        raise PhotoInFlight  # noqa: TRY301 - it rolls back
                    is_written = True
        except IntegrityError as error:
            if IN_FLIGHT in str(error.orig):
                raise PhotoInFlight from None
            raise
        except Exception:
            if is_written:
                self._detach(self._close_unheard(record))
            raise

    async def _close_unheard(self, record: JobRecord) -> bool:
        """Close a job whose commit was not answered: a disk that stalls may let it through much later."""
        for _ in range(UNHEARD_TRIES):
            if await self._write(record, JobStatus.FAILED, {"failure_reason": INTERRUPTED_REASON}):
                return True
            await asyncio.sleep(LATER_SECONDS)
        return False

    async def _close_done(self, record: JobRecord, result: StoredFile) -> None:
        """Close a job whose picture is stored. A cancelled caller does not stop it."""
        closing = self._detach(self._write_done(record, result))
        await asyncio.wait({closing}, timeout=record.deadline.remaining() + CLOSE_SECONDS)
        if not closing.done():
            raise DatabaseUnavailable(job_id=str(record.job_id), retry_after=3)
        cause = closing.exception()
        if isinstance(cause, Exception):
            failure = from_database(cause) or InternalError()
            failure.job_id = str(record.job_id)
            raise failure from cause
        if not closing.result():
            raise InternalError(job_id=str(record.job_id))
        log.info("ingest.done", **self._facts(record), size=result.size)

    async def _write_done(self, record: JobRecord, result: StoredFile) -> bool:
        return await self._write(record, JobStatus.DONE, columns_of_done(result, record.result_ttl))

    async def _close(
        self, record: JobRecord, status: JobStatus, reason: str, error: ApplianceError | None
    ) -> None:
        """Close a job that failed. The answer must not wait for a database that is away."""
        if record.result is not None:  # a picture that is stored is kept, whatever came after
            closing = self._detach(self._write_done(record, record.result))
        else:
            values = {"failure_reason": reason, "error": error.body()["error"] if error else None}
            closing = self._detach(self._write(record, status, values))
        await asyncio.wait({closing}, timeout=CLOSE_SECONDS)
        log.warning("ingest.closed", **self._facts(record), status=str(status), reason=reason)

    def _detach(self, work: Coroutine[Any, Any, bool]) -> asyncio.Task[bool]:
        """Run ``work`` so that it outlives the caller's cancellation."""
        task = asyncio.create_task(work)
        self._closing.add(task)
        task.add_done_callback(self._settled)
        return task

    def _settled(self, task: asyncio.Task[bool]) -> None:
        self._closing.discard(task)
        if not task.cancelled() and task.exception() is not None:
            # Cleanup closes the row later.
            log.error("job.not_closed", error=type(task.exception()).__name__)

    async def _write(self, record: JobRecord, status: JobStatus, values: dict[str, Any]) -> bool:
        """Write it, again and again while the database is away: until it is written, the same photo, sent
        again, counts as one that is under way.
        """
        record.timings["total"] = round(record.deadline.elapsed() * 1000)
        told = False
        while True:
            try:
                return await self._write_once(record, status, values)
            except Exception as error:
                if from_database(error) is None:
                    raise
                if not told:
                    log.warning("job.not_closed_yet", job=str(record.job_id), error=type(error).__name__)
                told = True
            await asyncio.sleep(AGAIN_SECONDS if record.deadline.remaining() else LATER_SECONDS)

    async def _write_once(self, record: JobRecord, status: JobStatus, values: dict[str, Any]) -> bool:
        async with self._database.session() as session:
            jobs = JobRepository(session)
            closed = await jobs.close(
                record.job_id,
                status,
                timings=record.timings,
                attempts=[attempt.stored() for attempt in record.attempts],
                source_key=record.source_key,
                **_of_primary(record),
                **values,
            )
            # An earlier try may have come through although its answer was lost.
            return closed or await jobs.ended_as(record.job_id, status)

    @staticmethod
    def _facts(record: JobRecord) -> dict[str, Any]:
        return {
            "job": str(record.job_id),
            "slot": record.slot_id,
            "ms": round(record.deadline.elapsed() * 1000),
        }

    async def aclose(self) -> None:
        """Wait for rows that are still being closed."""
        if self._closing:
            await asyncio.wait(self._closing, timeout=5)


def _of_primary(record: JobRecord) -> dict[str, Any]:
    """What the job showed of the slot's primary route, if that is saved."""
    shown = decided(record.attempts)
    if shown is None or record.primary_route is None:
        return {}
    return {
        "primary_route": record.primary_route,
        "primary_trouble": shown.stored() if shown.lasting else None,
    }
