"""Reads and writes shared galleries inside the caller's session."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select, text, tuple_, update

from appliance.core.db import Repository
from appliance.guests.repository import to_be_seen
from appliance.guests.shared_galleries.models import SharedGallery
from appliance.jobs.locks import lock_jobs
from appliance.jobs.models import JobHistory
from appliance.jobs.repository import is_any_of

_LOCK_KEY = 0x50_43_53_47  # "PCSG": one tap that opens a slot's gallery after the other


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page begins: after this picture."""

    created_at: datetime
    job_id: uuid.UUID


class GalleryRepository(Repository):
    """The table ``shared_gallery`` and the pictures that galleries show."""

    async def lock(self) -> None:
        """Let others who would open a slot's gallery wait until this transaction ends."""
        await self._session.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})

    async def get(self, gallery_id: uuid.UUID) -> SharedGallery | None:
        """One gallery, kept from other changes until the commit."""
        return await self._session.get(SharedGallery, gallery_id, with_for_update=True)

    async def by_token(self, token: str) -> SharedGallery | None:
        """The gallery at a guests' address."""
        found = select(SharedGallery).where(SharedGallery.token == token)
        return await self._session.scalar(found)

    async def by_wall_token(self, token: str) -> SharedGallery | None:
        """The gallery that a screen shows."""
        found = select(SharedGallery).where(SharedGallery.wall_token == token)
        return await self._session.scalar(found)

    async def open_for(self, slot_id: str, now: datetime) -> SharedGallery | None:
        """The newest open one of a slot, else the newest open one of all slots."""
        found = (
            select(SharedGallery)
            .where(
                or_(SharedGallery.slot_id == slot_id, SharedGallery.slot_id.is_(None)),
                SharedGallery.closed_at.is_(None),
                or_(SharedGallery.closes_at.is_(None), SharedGallery.closes_at >= now),
            )
            .order_by(SharedGallery.slot_id.is_(None), SharedGallery.opened_at.desc())
            .limit(1)
        )
        return await self._session.scalar(found)

    async def all(self) -> Sequence[SharedGallery]:
        """Every gallery, the newest first."""
        found = await self._session.scalars(
            select(SharedGallery).order_by(SharedGallery.opened_at.desc()).limit(200)
        )
        return found.all()

    async def pictures(
        self, gallery: SharedGallery, now: datetime, limit: int, after: Position | None = None
    ) -> Sequence[JobHistory]:
        """Pictures that guests may see in ``gallery``, the newest first."""
        return (await self._session.scalars(pictures_of(gallery, now, limit, after))).all()

    async def position(self, job_id: uuid.UUID) -> Position | None:
        """Where a picture stands, whether or not it is shown."""
        found = select(JobHistory.created_at).where(JobHistory.job_id == job_id)
        at = await self._session.scalar(found)
        return Position(at, job_id) if at else None

    async def picture(self, gallery: SharedGallery, job_id: uuid.UUID, now: datetime) -> JobHistory | None:
        """One picture of ``gallery``, if guests may see it there."""
        found = select(JobHistory).where(JobHistory.job_id == job_id, *_shown_in(gallery, now))
        return await self._session.scalar(found)

    async def counts(self, gallery: SharedGallery, now: datetime) -> tuple[int, int]:
        """How many pictures are shown, and how many wait for approval."""
        shown = select(func.count()).select_from(JobHistory).where(*_shown_in(gallery, now))
        waiting = select(func.count()).select_from(JobHistory).where(*_waiting_for(gallery, now))
        return (await self._session.scalar(shown)) or 0, (await self._session.scalar(waiting)) or 0

    async def waiting(
        self, galleries: Sequence[SharedGallery], now: datetime, limit: int, after: Position | None = None
    ) -> Sequence[JobHistory]:
        """Pictures that wait for approval in one of ``galleries``, the oldest first."""
        conditions = [_waiting_for_any(galleries, now)]
        if after is not None:
            key = tuple_(JobHistory.created_at, JobHistory.job_id)
            conditions.append(key > (after.created_at, after.job_id))
        found = await self._session.scalars(
            select(JobHistory)
            .where(*conditions)
            .order_by(JobHistory.created_at, JobHistory.job_id)
            .limit(limit)
        )
        return found.all()

    async def still_waiting(
        self, galleries: Sequence[SharedGallery], now: datetime, job_ids: Collection[uuid.UUID]
    ) -> set[uuid.UUID]:
        """Those of ``job_ids`` that wait for approval in one of ``galleries``."""
        found = select(JobHistory.job_id).where(
            is_any_of(JobHistory.job_id, job_ids), _waiting_for_any(galleries, now)
        )
        return set(await self._session.scalars(found))

    async def decide_first(self, job_id: uuid.UUID, now: datetime, *, approved: bool) -> bool:
        """Approve or reject a picture of which nobody has decided; whether it was one."""
        changed = await self._changed(
            update(JobHistory)
            .where(
                JobHistory.job_id == job_id,
                JobHistory.approved_at.is_(None),
                JobHistory.rejected_at.is_(None),
            )
            .values(approved_at=now if approved else None, rejected_at=None if approved else now)
        )
        return changed == 1

    async def decision(self, job_id: uuid.UUID) -> bool | None:
        """Whether a picture was approved or rejected; ``None``: neither, or there is no such picture."""
        found = select(JobHistory.approved_at, JobHistory.rejected_at).where(JobHistory.job_id == job_id)
        row = (await self._session.execute(found)).first()
        if row is None or (row.approved_at is None and row.rejected_at is None):
            return None
        return row.approved_at is not None

    async def decide(self, job_ids: Collection[uuid.UUID], now: datetime, *, approved: bool | None) -> int:
        """Approve pictures, reject them, or with ``None`` take either back, whatever was decided before;
        returns how many changed.
        """
        await lock_jobs(self._session)
        yes, no = JobHistory.approved_at, JobHistory.rejected_at
        other = {
            True: yes.is_(None),
            False: no.is_(None),
            None: yes.is_not(None) | no.is_not(None),
        }[approved]
        return await self._changed(
            update(JobHistory)
            .where(is_any_of(JobHistory.job_id, job_ids), other)
            .values(approved_at=now if approved else None, rejected_at=now if approved is False else None)
        )

    async def gone(self, gallery: SharedGallery, since: datetime) -> Sequence[uuid.UUID]:
        """Pictures that went from ``gallery`` after ``since``: hidden, deleted or rejected."""
        left = or_(
            JobHistory.hidden_at > since, JobHistory.deleted_at > since, JobHistory.rejected_at > since
        )
        found = await self._session.scalars(
            select(JobHistory.job_id).where(*_belonging(gallery), left).limit(500)
        )
        return found.all()


def pictures_of(
    gallery: SharedGallery, now: datetime, limit: int, after: Position | None = None
) -> Select[JobHistory]:
    """Pictures that guests may see in ``gallery``, the newest first."""
    conditions = _shown_in(gallery, now)
    if after is not None:
        key = tuple_(JobHistory.created_at, JobHistory.job_id)
        conditions.append(key < (after.created_at, after.job_id))
    return (
        select(JobHistory)
        .where(*conditions)
        .order_by(JobHistory.created_at.desc(), JobHistory.job_id.desc())
        .limit(limit)
    )


def _belonging(gallery: SharedGallery) -> list[ColumnElement[bool]]:
    """Guests' pictures of the gallery's slot and time, whether or not they may be seen."""
    of_slot = [JobHistory.slot_id == gallery.slot_id] if gallery.slot_id is not None else []
    return [JobHistory.source == "ingest", JobHistory.created_at >= gallery.pictures_from, *of_slot]


def _in_gallery(gallery: SharedGallery, now: datetime) -> list[ColumnElement[bool]]:
    return [*to_be_seen(now), JobHistory.rejected_at.is_(None), *_belonging(gallery)]


def _shown_in(gallery: SharedGallery, now: datetime) -> list[ColumnElement[bool]]:
    approved = [JobHistory.approved_at.is_not(None)] if gallery.moderated else []
    return [*_in_gallery(gallery, now), *approved]


def _waiting_for(gallery: SharedGallery, now: datetime) -> list[ColumnElement[bool]]:
    return [*_in_gallery(gallery, now), JobHistory.approved_at.is_(None)]


def _waiting_for_any(galleries: Sequence[SharedGallery], now: datetime) -> ColumnElement[bool]:
    return or_(false(), *(and_(*_waiting_for(gallery, now)) for gallery in galleries))
