"""What is left of an event in ``job_history``, inside the caller's session."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, func, not_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.guests.shared_galleries.models import SharedGallery
from appliance.jobs.models import JobHistory, JobStatus
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


class EventRepository:
    """Reads and marks the jobs of an event."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def state(self, title: str, now: datetime) -> EventState:
        """How much is there."""
        there = _there(now)

        def count(condition: ColumnElement[bool]) -> ColumnElement[int]:
            return func.count().filter(condition)

        tests = and_(JobHistory.status == JobStatus.DONE, JobHistory.source == "test")
        row = (
            await self._session.execute(
                select(
                    count(there),
                    func.coalesce(func.sum(JobHistory.result_size).filter(there), 0),
                    count(and_(there, JobHistory.hidden_at.is_not(None))),
                    count(_photo_there()),
                    count(_not_exported(now)),
                    count(and_(tests, JobHistory.cleaned_at.is_(None))),
                    count(JobHistory.status == JobStatus.PENDING),
                    func.max(JobHistory.exported_at),
                )
            )
        ).one()
        galleries = await self._session.scalar(select(func.count()).select_from(SharedGallery))
        return EventState(
            title=title,
            pictures=row[0],
            bytes=row[1],
            hidden=row[2],
            photos=row[3],
            not_exported=row[4],
            test_shots=row[5],
            still_running=row[6],
            last_export=row[7],
            galleries=galleries or 0,
        )

    async def to_export(self, now: datetime) -> Sequence[JobHistory]:
        """Guests' jobs whose picture is there or whose photo is kept, the first one first."""
        found = await self._session.scalars(
            select(JobHistory).where(_to_export(now)).order_by(JobHistory.created_at)
        )
        return found.all()

    async def mark_exported(self, job_ids: Collection[uuid.UUID], now: datetime) -> None:
        """Note that an archive with these jobs' pictures and photos was sent whole."""
        await self._session.execute(
            update(JobHistory).where(JobHistory.job_id.in_(job_ids)).values(exported_at=now)
        )

    async def count_not_exported(self, now: datetime) -> int:
        """Jobs with a picture or a photo that is in no archive that was sent whole."""
        return (await self._session.scalar(select(func.count()).where(_not_exported(now)))) or 0

    async def count_running(self) -> int:
        """Jobs under way."""
        pending = select(func.count()).where(JobHistory.status == JobStatus.PENDING)
        return (await self._session.scalar(pending)) or 0

    async def to_wipe(self, now: datetime, limit: int, *, even_not_exported: bool) -> Sequence[JobHistory]:
        """Jobs that have ended and still have a file or say something of a guest."""
        says_something = or_(
            JobHistory.upload_sha256 != "",
            JobHistory.source_key.is_not(None),
            (JobHistory.status == JobStatus.DONE) & JobHistory.cleaned_at.is_(None),
        )
        wanted = [JobHistory.status != JobStatus.PENDING, says_something]
        if not even_not_exported:
            wanted.append(not_(func.coalesce(_not_exported(now), False)))
        found = await self._session.scalars(
            select(JobHistory).where(*wanted).order_by(JobHistory.created_at).limit(limit)
        )
        return found.all()

    async def remove_galleries(self) -> int:
        """Remove every shared gallery; returns how many there were."""
        gone = await self._session.scalars(delete(SharedGallery).returning(SharedGallery.id))
        return len(gone.all())
