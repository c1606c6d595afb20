"""What is left of an event in ``job_history``, inside the caller's session."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, not_, or_, select, text, tuple_, update

from appliance.core.db import Repository
from appliance.core.images import JPEG
from appliance.guests.shared_galleries.models import SharedGallery
from appliance.jobs.locks import lock_jobs
from appliance.jobs.models import JobHistory, JobStatus
from appliance.jobs.repository import is_any_of
from appliance.staff.event.schemas import EventState


def _of_guest() -> ColumnElement[bool]:
    """A guest's job that has ended and whose picture nobody deleted."""
    return and_(
        JobHistory.status != JobStatus.PENDING,
        JobHistory.source == "ingest",
        JobHistory.deleted_at.is_(None),
    )


def _there(now: datetime) -> ColumnElement[bool]:
    """A guest's picture whose file is there, whether or not guests may see it."""
    return and_(
        _of_guest(),
        JobHistory.status == JobStatus.DONE,
        JobHistory.cleaned_at.is_(None),
        JobHistory.result_expires_at > now,
    )


def _photo_there() -> ColumnElement[bool]:
    """A guest's own photo that is kept, whether or not a picture came of it or is still there."""
    return and_(_of_guest(), JobHistory.source_key.is_not(None))


def _to_export(now: datetime) -> ColumnElement[bool]:
    return or_(_there(now), _photo_there())


def _not_exported(now: datetime) -> ColumnElement[bool]:
    return and_(_to_export(now), JobHistory.exported_at.is_(None))


@dataclass(frozen=True, slots=True)
class ExportedJob:
    """What an archive needs to know of a job; ``ready``: its picture is there and was not deleted."""

    job_id: uuid.UUID
    created_at: datetime
    slot_id: str
    result_key: str | None
    result_type: str | None
    result_expires_at: datetime | None
    source_key: str | None
    upload_type: str
    hidden_at: datetime | None
    request_fields: dict[str, Any]
    query_fields: dict[str, Any]
    attempts: list[Any]
    ready: bool

    @property
    def media_type(self) -> str:
        """The picture's type."""
        return self.result_type or JPEG.media_type


Position = tuple[datetime, uuid.UUID]


def _is_after(position: Position) -> ColumnElement[bool]:
    return tuple_(JobHistory.created_at, JobHistory.job_id) > position


class EventRepository(Repository):
    """Reads and marks the jobs of an event."""

    async def state(self, title: str, now: datetime) -> EventState:
        """How much is there."""
        there = _there(now)

        def count(condition: ColumnElement[bool]) -> ColumnElement[int]:
            return func.count().filter(condition)

        tests = and_(JobHistory.status == JobStatus.DONE, JobHistory.source == "test")
        row = (
            await self._session.execute(
                select(
                    count(there).label("pictures"),
                    func.coalesce(func.sum(JobHistory.result_size).filter(there), 0).label("bytes"),
                    count(and_(there, JobHistory.hidden_at.is_not(None))).label("hidden"),
                    count(_photo_there()).label("photos"),
                    count(_not_exported(now)).label("not_exported"),
                    count(and_(tests, JobHistory.cleaned_at.is_(None))).label("test_shots"),
                    count(JobHistory.status == JobStatus.PENDING).label("still_running"),
                    func.max(JobHistory.exported_at).label("last_export"),
                )
            )
        ).one()
        galleries = await self._session.scalar(select(func.count()).select_from(SharedGallery))
        return EventState.from_object(row, title=title, galleries=galleries or 0)

    async def to_export(self, now: datetime, after: Position | None, limit: int) -> list[ExportedJob]:
        """Guests' jobs with a picture or a kept photo, the first one first, after ``after``."""
        job = JobHistory
        columns = (
            job.job_id, job.created_at, job.slot_id, job.result_key, job.result_type, job.result_expires_at,
            job.source_key, job.upload_type, job.hidden_at, job.request_fields, job.query_fields,
            job.attempts,
            func.coalesce(_there(now), False),
        )  # fmt: skip
        wanted = [_to_export(now)] if after is None else [_to_export(now), _is_after(after)]
        found = await self._session.execute(
            select(*columns).where(*wanted).order_by(job.created_at, job.job_id).limit(limit)
        )
        return [ExportedJob(*row) for row in found]

    async def sent_names(self, now: datetime) -> list[str]:
        """The names of all fields that booths sent with these jobs."""
        fields = JobHistory.request_fields.op("||")(JobHistory.query_fields)
        found = await self._session.scalars(
            select(func.jsonb_object_keys(fields)).where(_to_export(now)).distinct()
        )
        return sorted(found)

    async def currencies(self, now: datetime) -> list[str]:
        """The currencies of what these jobs are known to have cost."""
        found = await self._session.scalars(
            select(
                func.jsonb_path_query(JobHistory.attempts, text("'$[*].currency'")).op("#>>")(text("'{}'"))
            )
            .where(_to_export(now))
            .distinct()
        )
        return sorted(filter(None, found))

    async def mark_exported(self, job_ids: Sequence[uuid.UUID], now: datetime) -> None:
        """Note that an archive with one page of jobs was sent whole."""
        await lock_jobs(self._session)
        await self._session.execute(
            update(JobHistory).where(is_any_of(JobHistory.job_id, job_ids)).values(exported_at=now)
        )

    async def count_not_exported(self, now: datetime) -> int:
        """Jobs with a picture or a photo that is in no archive that was sent whole."""
        return (await self._session.scalar(select(func.count()).where(_not_exported(now)))) or 0

    async def count_running(self) -> int:
        """Jobs under way."""
        pending = select(func.count()).where(JobHistory.status == JobStatus.PENDING)
        return (await self._session.scalar(pending)) or 0

    async def to_wipe(
        self, now: datetime, after: Position | None, limit: int, *, even_not_exported: bool
    ) -> Sequence[JobHistory]:
        """Jobs that have ended and still have a file or say something of a guest, from ``after`` on."""
        says_something = or_(
            JobHistory.upload_sha256 != "",
            JobHistory.source_key.is_not(None),
            (JobHistory.status == JobStatus.DONE) & JobHistory.cleaned_at.is_(None),
        )
        wanted = [JobHistory.status != JobStatus.PENDING, says_something]
        if after is not None:
            wanted.append(_is_after(after))
        if not even_not_exported:
            wanted.append(not_(func.coalesce(_not_exported(now), False)))
        found = await self._session.scalars(
            select(JobHistory).where(*wanted).order_by(JobHistory.created_at, JobHistory.job_id).limit(limit)
        )
        return found.all()

    async def remove_galleries(self) -> int:
        """Remove every shared gallery; returns how many there were."""
        gone = await self._session.scalars(delete(SharedGallery).returning(SharedGallery.id))
        return len(gone.all())
