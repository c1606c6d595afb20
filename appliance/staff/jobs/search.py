"""Which jobs are wanted, and pages of them that new jobs do not shift."""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import ColumnElement, Select, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.core.clock import in_reach
from appliance.core.errors import ValidationFailed
from appliance.core.images import JPEG
from appliance.core.language import Message
from appliance.jobs.models import EXPIRES_AT, JobHistory, JobStatus
from appliance.jobs.repository import is_any_of

ResultState = Literal["available", "hidden", "expired", "deleted"]

_HEX = re.compile(r"[0-9a-f]{0,32}")


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs are wanted; ``None`` means any. ``since`` is inclusive, ``until`` is not.

    ``job_id`` is the beginning of an id. ``result`` only finds jobs that delivered: in one state, in
    ``any``, or ``kept``, which is all but the deleted ones. ``ids`` is a selection.
    """

    slot: str | None = None
    status: JobStatus | None = None
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    job_id: str | None = None
    result: ResultState | Literal["any", "kept"] | None = None
    ids: frozenset[uuid.UUID] | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """The same for the database; raises ``ValidationFailed`` for no beginning of an id."""
        found: list[ColumnElement[bool]] = []
        if self.slot is not None:
            found.append(JobHistory.slot_id == self.slot)
        if self.status is not None:
            found.append(JobHistory.status == self.status)
        if self.source is not None:
            found.append(JobHistory.source == self.source)
        if self.since is not None:
            found.append(JobHistory.created_at >= self.since)
        if self.until is not None:
            found.append(JobHistory.created_at < self.until)
        if self.job_id is not None:
            found.append(JobHistory.job_id.between(*_bounds(self.job_id)))
        if self.ids is not None:
            found.append(is_any_of(JobHistory.job_id, self.ids))
        return found + self._result_conditions()

    def _result_conditions(self) -> list[ColumnElement[bool]]:
        if self.result is None:
            return []
        delivered = JobHistory.status == JobStatus.DONE
        if self.result == "any":
            return [delivered]
        return [delivered, ~_deleted if self.result == "kept" else _STATES[self.result]]


_deleted = JobHistory.deleted_at.is_not(None)
_gone = or_(JobHistory.cleaned_at.is_not(None), func.now() >= EXPIRES_AT)
_STATES: dict[ResultState, ColumnElement[bool]] = {
    "deleted": _deleted,
    "expired": ~_deleted & _gone,
    "hidden": ~_deleted & ~_gone & JobHistory.hidden_at.is_not(None),
    "available": ~_deleted & ~_gone & JobHistory.hidden_at.is_(None),
}


def _bounds(prefix: str) -> tuple[uuid.UUID, uuid.UUID]:
    digits = prefix.strip().lower().replace("-", "")
    if not _HEX.fullmatch(digits):
        raise ValidationFailed(fields={"q": Message("must be the beginning of a job's id")})
    return uuid.UUID(digits.ljust(32, "0")), uuid.UUID(digits.ljust(32, "f"))


@dataclass(frozen=True, slots=True)
class JobPage:
    """Jobs, the newest first, and where the next page goes on (``None``: that was all)."""

    jobs: Sequence[JobHistory]
    next_cursor: str | None


def _cursor(job: JobHistory) -> str:
    raw = f"{job.created_at.isoformat()} {job.job_id.hex}"
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def _position(cursor: str) -> tuple[datetime, uuid.UUID]:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        moment, _, job_id = raw.partition(" ")
        return in_reach(datetime.fromisoformat(moment)).astimezone(UTC), uuid.UUID(job_id)
    except (ValueError, binascii.Error):
        raise ValidationFailed(
            fields={"cursor": Message("must be the next_cursor of the previous page, unchanged")}
        ) from None


def jobs_query(wanted: JobFilter, *, limit: int, cursor: str | None = None) -> Select[JobHistory]:
    """Jobs that fit, the newest first."""
    query = (
        select(JobHistory)
        .where(*wanted.conditions())
        .order_by(JobHistory.created_at.desc(), JobHistory.job_id.desc())
        .limit(limit)
    )
    if cursor is not None:
        query = query.where(tuple_(JobHistory.created_at, JobHistory.job_id) < _position(cursor))
    return query


async def find_jobs(
    session: AsyncSession, wanted: JobFilter, *, limit: int, cursor: str | None = None
) -> JobPage:
    """The ``limit`` jobs that come after ``cursor``; raises ``ValidationFailed`` for a broken one."""
    found = (await session.scalars(jobs_query(wanted, limit=limit + 1, cursor=cursor))).all()
    jobs = found[:limit]
    return JobPage(jobs, _cursor(jobs[-1]) if len(found) > limit else None)


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A picture that is there."""

    job_id: uuid.UUID
    created_at: datetime
    key: str
    media_type: str


async def stored_results(
    session: AsyncSession, wanted: JobFilter, after: StoredResult | None, limit: int
) -> list[StoredResult]:
    """Pictures that fit and are there, the newest first, from ``after`` on."""
    conditions = [*wanted.conditions(), or_(_STATES["available"], _STATES["hidden"])]
    if after is not None:
        conditions.append(tuple_(JobHistory.created_at, JobHistory.job_id) < (after.created_at, after.job_id))
    found = await session.execute(
        select(
            JobHistory.job_id,
            JobHistory.created_at,
            func.coalesce(JobHistory.result_key, ""),
            func.coalesce(JobHistory.result_type, JPEG.media_type),
        )
        .where(*conditions)
        .order_by(JobHistory.created_at.desc(), JobHistory.job_id.desc())
        .limit(limit)
    )
    return [StoredResult(*row) for row in found]


def result_state(job: JobHistory, now: datetime) -> ResultState | None:
    """Whether a job's picture can be had; ``None`` where there never was one."""
    if job.status != JobStatus.DONE or job.result_expires_at is None:
        return None
    if job.deleted_at is not None:
        return "deleted"
    if job.cleaned_at is not None or job.result_expires_at <= now:
        return "expired"
    return "hidden" if job.hidden_at is not None else "available"
