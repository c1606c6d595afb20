"""Reads and writes ``job_history`` inside the caller's session."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Select,
    and_,
    any_,
    case,
    func,
    literal,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy import cast as cast_as
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute

from appliance.core.clock import utcnow
from appliance.core.db import Repository
from appliance.jobs.locks import lock_jobs
from appliance.jobs.models import (
    INTERRUPTED_REASON,
    SAYS_SOMETHING,
    UNDO_DELETE,
    JobHistory,
    JobStatus,
)
from appliance.jobs.retention import WITHOUT_DETAILS
from appliance.media.store import StoredFile

# After the deadline. A minute later the cleanup takes its picture for nobody's.
ENDS_LATEST = timedelta(minutes=2)
_FORGOTTEN: dict[str, Any] = {
    "request_fields": {},
    "query_fields": {},
    "upload_name": "",
    "upload_sha256": "",
    "upload_sha1": "",  # the version before may still have written it
    "idempotency_key": None,
    "error": None,
    "source_key": None,
    "short_code": None,
    "result_size": None,
}


def is_any_of(column: InstrumentedAttribute[Any], values: Collection[Any]) -> ColumnElement[bool]:
    """Whether ``column`` is one of ``values``: one parameter, however many these are."""
    return column == any_(cast_as(list(values), ARRAY(column.type)))


def columns_of_done(result: StoredFile, ttl: timedelta) -> dict[str, Any]:
    """What the row of a job says of its stored picture, which is kept for ``ttl`` from now on."""
    return {
        "result_key": result.key,
        "result_type": result.media_type,
        "result_size": result.size,
        "result_expires_at": utcnow() + ttl,
    }


class JobRepository(Repository):
    """The table ``job_history``."""

    async def get(self, job_id: uuid.UUID) -> JobHistory | None:
        """One job, or ``None``."""
        return await self._session.get(JobHistory, job_id)

    async def close(self, job_id: uuid.UUID, status: JobStatus, **values: Any) -> bool:
        """Give a pending job its final status; ``False`` if it had one already.

        A picture counts also where its job was closed as interrupted: who worked at it was only cut off from
        the database for so long that others held it to be lost.
        """
        is_open: ColumnElement[bool] = JobHistory.status == JobStatus.PENDING
        if status == JobStatus.DONE:
            is_open |= and_(
                JobHistory.status == JobStatus.FAILED,
                JobHistory.failure_reason == INTERRUPTED_REASON,
                JobHistory.deadline_at > utcnow() - ENDS_LATEST,
            )
            values |= {"failure_reason": None}
        changed = await self._changed(
            update(JobHistory)
            .where(JobHistory.job_id == job_id, is_open)
            .values(status=status, finished_at=utcnow(), **values)
        )
        return changed == 1

    async def ended_as(self, job_id: uuid.UUID, status: JobStatus) -> bool:
        """Whether a job has this status."""
        found = await self._session.scalar(select(JobHistory.status).where(JobHistory.job_id == job_id))
        return found == status

    async def latest_with_key(self, slot_id: str, key: str) -> JobHistory | None:
        """The newest job of this idempotency key whose outcome still stands."""
        return await self._latest(JobHistory.slot_id == slot_id, JobHistory.idempotency_key == key)

    async def latest_done_of_photo(self, slot_id: str, sha256: str, window: timedelta) -> JobHistory | None:
        """The newest job of the same photo that was delivered within ``window``."""
        return await self._latest(
            JobHistory.slot_id == slot_id,
            JobHistory.upload_sha256 == sha256,
            JobHistory.source == "ingest",
            JobHistory.status == JobStatus.DONE,
            JobHistory.created_at >= utcnow() - window,
        )

    async def _latest(self, *conditions: Any) -> JobHistory | None:
        still_stands = (
            JobHistory.result_expires_at.is_(None) | (JobHistory.result_expires_at > func.now())
        ) & (JobHistory.cleaned_at.is_(None) & JobHistory.deleted_at.is_(None))
        return await self._session.scalar(
            select(JobHistory)
            .where(*conditions, JobHistory.status != JobStatus.PENDING, still_stands)
            .order_by(JobHistory.created_at.desc())
            .limit(1)
        )

    async def is_in_flight(self, name: str) -> bool:
        """Whether a job for the photo called so is pending."""
        found = select(JobHistory.job_id).where(
            JobHistory.in_flight == name, JobHistory.status == JobStatus.PENDING
        )
        return await self._session.scalar(found.limit(1)) is not None

    async def pending_since_before(self, moment: datetime, node: int | None) -> Sequence[JobHistory]:
        """Pending jobs that were opened before ``moment``: those of one machine, or of all."""
        query = select(JobHistory).where(
            JobHistory.status == JobStatus.PENDING, JobHistory.created_at < moment
        )
        if node is not None:
            query = query.where(JobHistory.node == node)
        return (await self._session.scalars(query.order_by(JobHistory.created_at))).all()

    async def expired(self, now: datetime, limit: int) -> Sequence[JobHistory]:
        """Delivered jobs past their TTL whose files were not removed yet."""
        found = await self._session.scalars(
            select(JobHistory)
            .where(
                JobHistory.status == JobStatus.DONE,
                JobHistory.cleaned_at.is_(None),
                JobHistory.result_expires_at < now,
            )
            .order_by(JobHistory.result_expires_at)
            .limit(limit)
        )
        return found.all()

    async def past_half_their_time(self, now: datetime, wanted: int) -> tuple[int, int]:
        """How many results would make ``wanted`` bytes together (or all there are), and their bytes: those
        for which more than half of their TTL is over, the first to end first.
        """
        chosen = _past_half_their_time(now, wanted).subquery()
        counted = select(func.count(), func.coalesce(func.sum(chosen.c.size), 0)).select_from(chosen)
        count, size = (await self._session.execute(counted)).one()
        return count, int(size)

    async def end_past_half_their_time(self, now: datetime, wanted: int, limit: int) -> tuple[int, int]:
        """Have the time of these results be over, ``limit`` of them at once; how many, and their bytes."""
        await lock_jobs(self._session)
        chosen = _past_half_their_time(now, wanted).limit(limit).subquery()
        ended = await self._session.execute(
            update(JobHistory)
            .where(JobHistory.job_id.in_(select(chosen.c.job_id)))
            .values(result_expires_at=now)
            .returning(func.coalesce(JobHistory.result_size, 0))
            .execution_options(synchronize_session=False)
        )
        sizes = ended.scalars().all()
        return len(sizes), sum(sizes)

    async def deleted(self, now: datetime, limit: int) -> Sequence[JobHistory]:
        """Jobs whose deleted result cannot be restored any more and whose files were not removed yet."""
        found = await self._session.scalars(
            select(JobHistory)
            .where(JobHistory.deleted_at < now - UNDO_DELETE, JobHistory.cleaned_at.is_(None))
            .order_by(JobHistory.deleted_at)
            .limit(limit)
        )
        return found.all()

    async def bytes_due(self, now: datetime) -> int:
        """How large the results are that ``expired`` and ``deleted`` find: their files go next."""
        is_due = or_(
            and_(JobHistory.status == JobStatus.DONE, JobHistory.result_expires_at <= now),
            JobHistory.deleted_at < now - UNDO_DELETE,
        )
        due = select(func.sum(JobHistory.result_size)).where(JobHistory.cleaned_at.is_(None), is_due)
        return int(await self._session.scalar(due) or 0)

    async def sources_before(self, moment: datetime, limit: int) -> Sequence[JobHistory]:
        """Jobs that began before ``moment`` and whose photo is still kept."""
        found = await self._session.scalars(
            select(JobHistory)
            .where(
                JobHistory.source_key.is_not(None),
                JobHistory.created_at < moment,
                JobHistory.status != JobStatus.PENDING,
            )
            .order_by(JobHistory.created_at)
            .limit(limit)
        )
        return found.all()

    async def forget_sources(self, job_ids: Sequence[uuid.UUID]) -> None:
        """Note that these jobs' photos are gone."""
        await lock_jobs(self._session)
        await self._session.execute(
            update(JobHistory).where(is_any_of(JobHistory.job_id, job_ids)).values(source_key=None)
        )

    async def newest_source(self, slot_id: str | None) -> JobHistory | None:
        """The newest guest's job whose photo is kept, of one slot or of any."""
        query = select(JobHistory).where(JobHistory.source_key.is_not(None), JobHistory.source == "ingest")
        if slot_id is not None:
            query = query.where(JobHistory.slot_id == slot_id)
        return await self._session.scalar(query.order_by(JobHistory.created_at.desc()).limit(1))

    async def with_files(self, job_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
        """Which of these jobs still run or have a picture: their previews must be kept."""
        running_or_done = JobHistory.status.in_([JobStatus.PENDING, JobStatus.DONE])
        return await self._those_of(job_ids, running_or_done, JobHistory.cleaned_at.is_(None))

    async def with_sources(self, job_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
        """Which of these jobs have their photo kept: its previews must be kept too."""
        return await self._those_of(job_ids, JobHistory.source_key.is_not(None))

    async def keys_of(self, job_ids: Sequence[uuid.UUID]) -> set[str]:
        """The files of these jobs that must be kept: their results and kept photos.

        By the jobs' ids, which the files' names hold: nobody has to look through all keys.
        """
        found = await self._session.execute(
            select(
                case((JobHistory.cleaned_at.is_(None), JobHistory.result_key)), JobHistory.source_key
            ).where(is_any_of(JobHistory.job_id, job_ids))
        )
        return {key for row in found for key in row if key}

    async def lock(self, job_id: uuid.UUID) -> JobHistory | None:
        """One job, kept from other changes until the commit."""
        return await self._session.get(JobHistory, job_id, with_for_update=True)

    async def mark_cleaned(self, job_ids: Sequence[uuid.UUID], now: datetime) -> None:
        """Note that these jobs' files are gone."""
        await lock_jobs(self._session)
        await self._session.execute(
            update(JobHistory).where(is_any_of(JobHistory.job_id, job_ids)).values(cleaned_at=now)
        )

    async def forget(self, job_ids: Collection[uuid.UUID], now: datetime) -> None:
        """Mark results as deleted for good and empty every field that says something of a guest."""
        await lock_jobs(self._session)
        await self._session.execute(
            update(JobHistory)
            .where(is_any_of(JobHistory.job_id, job_ids))
            .values(
                deleted_at=func.coalesce(JobHistory.deleted_at, now),
                cleaned_at=now,
                attempts=WITHOUT_DETAILS,
                **_FORGOTTEN,
            )
        )

    async def forgotten(self, job_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
        """Which of these jobs say nothing of their guests: their rows are emptied, or gone."""
        says_something = literal_column(f"({SAYS_SOMETHING})", Boolean)
        say = await self._those_of(job_ids, (JobHistory.status == JobStatus.PENDING) | says_something)
        return set(job_ids) - say

    async def unfinished(self, job_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
        """Which of these jobs are still pending."""
        return await self._those_of(job_ids, JobHistory.status == JobStatus.PENDING)

    async def _those_of(
        self, job_ids: Sequence[uuid.UUID], *conditions: ColumnElement[bool]
    ) -> set[uuid.UUID]:
        wanted = select(JobHistory.job_id).where(is_any_of(JobHistory.job_id, job_ids), *conditions)
        return set(await self._session.scalars(wanted))


def _past_half_their_time(now: datetime, wanted: int) -> Select[tuple[uuid.UUID, int]]:
    size = func.coalesce(JobHistory.result_size, 0)
    order = (JobHistory.result_expires_at, JobHistory.job_id)
    before = (func.sum(size).over(order_by=order) - size).label("before")
    found = (
        select(JobHistory.job_id, size.label("size"), before)
        .where(
            JobHistory.status == JobStatus.DONE,
            JobHistory.cleaned_at.is_(None),
            JobHistory.deleted_at.is_(None),
            JobHistory.result_expires_at > now,
            JobHistory.result_expires_at - now < literal(now) - JobHistory.finished_at,
        )
        .subquery()
    )
    wanted_ones = select(found.c.job_id, found.c.size).where(found.c.before < literal(wanted, BigInteger))
    return wanted_ones.order_by(found.c.before)
