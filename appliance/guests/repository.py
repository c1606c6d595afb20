"""What guests may see of ``job_history``, inside the caller's session."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select, tuple_, update

from appliance.core.db import Repository
from appliance.guests.tokens import Visit
from appliance.jobs.models import EXPIRES_AT, JobHistory, JobStatus
from appliance.jobs.repository import is_any_of

MOST_OF_A_VISIT = 200  # pictures


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A job of the same booth and slot: when it began, and whether guests may see its picture."""

    created_at: datetime
    seen: bool


def to_be_seen(now: datetime) -> list[ColumnElement[bool]]:
    """Conditions of a guest's picture that is there: no test shot, not hidden, deleted or expired."""
    return [
        JobHistory.status == JobStatus.DONE,
        JobHistory.source == "ingest",
        JobHistory.hidden_at.is_(None),
        JobHistory.deleted_at.is_(None),
        JobHistory.cleaned_at.is_(None),
        now < EXPIRES_AT,
    ]


class ResultRepository(Repository):
    """Reads and writes results for guests."""

    async def behind_links(self, job_ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, JobHistory]:
        """The jobs that guests' links lead to. A hidden one is as good as unknown: it is not even read,
        so that its answer takes no longer.
        """
        shown = JobHistory.hidden_at.is_(None) | JobHistory.deleted_at.is_not(None)
        found = select(JobHistory).where(is_any_of(JobHistory.job_id, job_ids), shown)
        return {job.job_id: job for job in await self._session.scalars(found)}

    async def by_code(self, code: str) -> JobHistory | None:
        """The job with this short code."""
        return await self._session.scalar(select(JobHistory).where(JobHistory.short_code == code))

    async def give_code(self, job_id: uuid.UUID, code: str) -> str | None:
        """Give a job its short code unless it has one; returns the one it has then."""
        await self._session.execute(
            update(JobHistory)
            .where(JobHistory.job_id == job_id, JobHistory.short_code.is_(None))
            .values(short_code=code)
        )
        return await self._session.scalar(select(JobHistory.short_code).where(JobHistory.job_id == job_id))

    async def of_visit(self, visit: Visit, span: timedelta, now: datetime) -> Sequence[JobHistory]:
        """The pictures of one visit, the first one first: the same booth's, with the same value, within
        ``span`` of ``visit.since``.
        """
        field, around = visit.field, visit.since
        given = func.coalesce(  # an empty field hides nothing, as where the visit was begun
            func.nullif(JobHistory.request_fields[field].as_string(), ""),
            JobHistory.query_fields[field].as_string(),
        )
        found = await self._session.scalars(
            select(JobHistory)
            .where(
                *to_be_seen(now),
                JobHistory.created_at.between(around - span, around + span),
                JobHistory.booth.is_not_distinct_from(visit.booth),
                given == visit.value,
            )
            .order_by(JobHistory.created_at)
            .limit(MOST_OF_A_VISIT)
        )
        return found.all()

    async def of_slot(
        self, slot_id: str, booth: str | None, since: datetime, until: datetime
    ) -> Sequence[JobHistory]:
        """A booth's jobs in a slot in that time, whatever became of them, the first one first."""
        found = await self._session.scalars(
            select(JobHistory)
            .where(*_of_slot(slot_id, booth), JobHistory.created_at.between(since, until))
            .order_by(JobHistory.created_at, JobHistory.job_id)
            .limit(MOST_OF_A_VISIT)
        )
        return found.all()

    async def neighbours(
        self, job: JobHistory, span: timedelta, now: datetime, *, after: bool
    ) -> list[Neighbour]:
        """The same booth's jobs in a job's slot within ``span`` after it, or before it: the nearest first."""
        place, at = tuple_(JobHistory.created_at, JobHistory.job_id), (job.created_at, job.job_id)
        side = [place > at, JobHistory.created_at <= job.created_at + span]
        order: list[ColumnElement[Any]] = [JobHistory.created_at.asc(), JobHistory.job_id.asc()]
        if not after:
            side = [place < at, JobHistory.created_at >= job.created_at - span]
            order = [JobHistory.created_at.desc(), JobHistory.job_id.desc()]
        seen = func.coalesce(and_(*to_be_seen(now)), False)
        found = await self._session.execute(
            select(JobHistory.created_at, seen)
            .where(*_of_slot(job.slot_id, job.booth), *side)
            .order_by(*order)
            .limit(MOST_OF_A_VISIT)
        )
        return [Neighbour(*row) for row in found]


def _of_slot(slot_id: str, booth: str | None) -> list[ColumnElement[bool]]:
    return [
        JobHistory.slot_id == slot_id,
        JobHistory.source == "ingest",
        JobHistory.booth.is_not_distinct_from(booth),
    ]
