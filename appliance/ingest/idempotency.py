"""The same photo sent again is answered with the first outcome instead of a second job.

Two ways to be 'the same': an idempotency key (header or field), which also replays that the photo
was refused, for no other try would mend that; and,
where an operator set a window, the same bytes to the same slot within that time, which joins a
job in flight or repeats a delivered one, but lets a failed one be tried again.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from appliance.core.clock import Deadline
from appliance.core.db import Database
from appliance.core.errors import (
    DeadlineExceeded,
    IdempotencyKeyReused,
    ProviderRefusedPhoto,
    ServiceUnavailable,
)
from appliance.core.language import Message
from appliance.jobs.ledger import PhotoInFlight
from appliance.jobs.models import JobHistory, JobStatus
from appliance.jobs.repository import JobRepository
from appliance.media.store import StoredFile

_LOOK_EVERY = 0.2  # seconds between two looks at a job whose row is not closed


@dataclass(frozen=True, slots=True)
class Delivered:
    """A job that ended with a picture; ``replayed`` if it is an earlier job's."""

    job_id: uuid.UUID
    result: StoredFile
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class UploadIdentity:
    """What makes two uploads to one slot the same."""

    slot_id: str
    sha256: str
    key: str | None
    window_seconds: float

    @property
    def name(self) -> str | None:
        """Under which name a job in flight is found; ``None``: every upload is a job of its own."""
        if self.key is not None:
            return f"{self.slot_id}/key/{self.key}"
        return f"{self.slot_id}/photo/{self.sha256}" if self.window_seconds > 0 else None


@dataclass(slots=True)
class _InFlight:
    sha256: str
    outcome: asyncio.Future[Delivered]


class IdempotentJobs:
    """Runs each job once, however often its photo is sent."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._in_flight: dict[str, _InFlight] = {}

    async def run(
        self, identity: UploadIdentity, deadline: Deadline, job: Callable[[], Awaitable[Delivered]]
    ) -> Delivered:
        """The outcome of ``job``, or of the job that ``identity`` already started.

        Raises what the job raised, ``IdempotencyKeyReused`` when the key came with other bytes,
        or ``DeadlineExceeded`` when the first job outlasts this request's own deadline.
        """
        name = identity.name
        if name is None:
            return await job()
        running = self._in_flight.get(name)
        if running is not None:
            _same_bytes(running.sha256, identity)
            return await _join(running, deadline)
        mine = _InFlight(identity.sha256, asyncio.get_running_loop().create_future())
        self._in_flight[name] = mine
        try:
            outcome = await self._outcome(identity, deadline, job)
        except BaseException as error:
            self._settle(name, mine, error)
            raise
        self._settle(name, mine, outcome)
        return outcome

    async def _outcome(
        self, identity: UploadIdentity, deadline: Deadline, job: Callable[[], Awaitable[Delivered]]
    ) -> Delivered:
        """Of an earlier job, of one whose row is not closed yet, or of ``job``."""
        while True:
            if earlier := await self._earlier(identity):
                return earlier
            try:
                return await job()
            except PhotoInFlight:
                await self._until_ended(str(identity.name), deadline)

    async def _until_ended(self, name: str, deadline: Deadline) -> None:
        """Until a job that is not waited for here has ended: another process works at it, or what came of it
        could not be written down yet. Raises ``DeadlineExceeded``.
        """
        while deadline.remaining() > _LOOK_EVERY:
            await asyncio.sleep(_LOOK_EVERY)
            async with self._database.session() as session:
                if not await JobRepository(session).is_in_flight(name):
                    return
        raise DeadlineExceeded

    def _settle(self, name: str, mine: _InFlight, outcome: Delivered | BaseException) -> None:
        del self._in_flight[name]
        if isinstance(outcome, Delivered):
            mine.outcome.set_result(outcome)
        elif isinstance(outcome, Exception):
            mine.outcome.set_exception(outcome)
            mine.outcome.exception()  # nobody may be waiting; that is no mistake
        else:
            mine.outcome.set_exception(ServiceUnavailable(retry_after=5))
            mine.outcome.exception()

    @staticmethod
    async def is_first(identity: UploadIdentity, session: AsyncSession) -> bool:
        """Whether there is still no outcome: another process may have begun and ended since we looked,
        while we waited for a permit.
        """
        row = await _latest(identity, session)
        return row is None or (row.upload_sha256 == identity.sha256 and _is_to_be_tried_again(row))

    async def _earlier(self, identity: UploadIdentity) -> Delivered | None:
        """The outcome of a finished job that still stands; raises it if it was a failure."""
        async with self._database.session() as session:
            row = await _latest(identity, session)
        if row is None:
            return None
        _same_bytes(row.upload_sha256, identity)
        if _is_to_be_tried_again(row):
            return None
        if row.status == JobStatus.DONE:
            assert row.result_key and row.result_type and row.result_size is not None  # noqa: S101, PT018
            return Delivered(
                row.job_id, StoredFile(row.result_key, row.result_type, row.result_size), replayed=True
            )
        raise _refusal_of(row)


async def _latest(identity: UploadIdentity, session: AsyncSession) -> JobHistory | None:
    """The newest job of the same upload that has ended."""
    jobs = JobRepository(session)
    if identity.key is not None:
        return await jobs.latest_with_key(identity.slot_id, identity.key)
    window = timedelta(seconds=identity.window_seconds)
    return await jobs.latest_done_of_photo(identity.slot_id, identity.sha256, window)


def _is_to_be_tried_again(row: JobHistory) -> bool:
    """Whether it failed, but not because of the photo: the same one may be delivered now."""
    refused = (row.error or {}).get("code") == ProviderRefusedPhoto.code
    return row.status != JobStatus.DONE and not refused


def _same_bytes(sha256: str, identity: UploadIdentity) -> None:
    if sha256 != identity.sha256:
        raise IdempotencyKeyReused


async def _join(running: _InFlight, deadline: Deadline) -> Delivered:
    try:
        async with deadline.guard() as limit:
            first = await asyncio.shield(running.outcome)
    except TimeoutError:
        if not limit.expired():  # not ours: the database did not answer the first one
            raise
        raise DeadlineExceeded from None
    return Delivered(first.job_id, first.result, replayed=True)


def _refusal_of(row: JobHistory) -> ProviderRefusedPhoto:
    """What a refused photo was answered with."""
    error = row.error or {}
    said = error.get("message")
    return ProviderRefusedPhoto(
        Message(said) if said else None, fields=error.get("fields"), job_id=str(row.job_id)
    )
