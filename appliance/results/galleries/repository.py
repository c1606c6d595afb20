"""Reads and writes shared galleries inside the caller's session."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.jobs.models import JobHistory
from appliance.results.galleries.models import SharedGallery
from appliance.results.repository import to_be_seen


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after this picture."""

    created_at: datetime
    job_id: uuid.UUID


class GalleryRepository:
    """The table ``shared_gallery`` and the pictures that galleries show."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, gallery: SharedGallery) -> None:
        """Insert a gallery."""
        self._session.add(gallery)

    async def get(self, gallery_id: uuid.UUID) -> SharedGallery | None:
        """One gallery, kept from other changes until the commit."""
        return await self._session.get(SharedGallery, gallery_id, with_for_update=True)

    async def by_token(self, token: str) -> SharedGallery | None:
        """The gallery at a guests' address."""
        found = select(SharedGallery).where(SharedGallery.token == token)
        return (await self._session.scalars(found)).first()

    async def by_wall_token(self, token: str) -> SharedGallery | None:
        """The gallery that a screen shows."""
        found = select(SharedGallery).where(SharedGallery.wall_token == token)
        return (await self._session.scalars(found)).first()

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
        return (await self._session.scalars(found)).first()

    async def all(self) -> Sequence[SharedGallery]:
        """Every gallery, the newest first."""
        found = await self._session.scalars(
            select(SharedGallery).order_by(SharedGallery.opened_at.desc()).limit(200)
        )
        return found.all()

    async def pictures(
        self, gallery: SharedGallery, now: datetime, limit: int, after: Place | None = None
    ) -> Sequence[JobHistory]:
        """Pictures that guests may see in ``gallery``, the newest first."""
        conditions = _shown_in(gallery, now)
        if after is not None:
            key = tuple_(JobHistory.created_at, JobHistory.job_id)
            conditions.append(key < (after.created_at, after.job_id))
        found = await self._session.scalars(
            select(JobHistory)
            .where(*conditions)
            .order_by(JobHistory.created_at.desc(), JobHistory.job_id.desc())
            .limit(limit)
        )
        return found.all()

    async def place(self, job_id: uuid.UUID) -> Place | None:
        """Where a picture stands, whether or not it is shown."""
        found = select(JobHistory.created_at).where(JobHistory.job_id == job_id)
        at = await self._session.scalar(found)
        return Place(at, job_id) if at else None

    async def picture(self, gallery: SharedGallery, job_id: uuid.UUID, now: datetime) -> JobHistory | None:
        """One picture of ``gallery``, if guests may see it there."""
        found = select(JobHistory).where(JobHistory.job_id == job_id, *_shown_in(gallery, now))
        return (await self._session.scalars(found)).first()

    async def counts(self, gallery: SharedGallery, now: datetime) -> tuple[int, int]:
        """How many pictures are shown, and how many wait for approval."""
        shown = select(func.count()).select_from(JobHistory).where(*_shown_in(gallery, now))
        waiting = select(func.count()).select_from(JobHistory).where(*_waiting_for(gallery, now))
        return (await self._session.scalar(shown)) or 0, (await self._session.scalar(waiting)) or 0

    async def waiting(self, gallery: SharedGallery, now: datetime, limit: int) -> Sequence[JobHistory]:
        """Pictures that wait for approval, the oldest first."""
        found = await self._session.scalars(
            select(JobHistory).where(*_waiting_for(gallery, now)).order_by(JobHistory.created_at).limit(limit)
        )
        return found.all()

    async def approve(self, job_ids: Collection[uuid.UUID], at: datetime | None) -> int:
        """Approve pictures, or with ``None`` take that back; returns how many changed."""
        before = JobHistory.approved_at.is_(None) if at else JobHistory.approved_at.is_not(None)
        result = await self._session.execute(
            update(JobHistory).where(JobHistory.job_id.in_(job_ids), before).values(approved_at=at)
        )
        return cast("CursorResult[Any]", result).rowcount


def _in_gallery(gallery: SharedGallery, now: datetime) -> list[ColumnElement[bool]]:
    conditions = [*to_be_seen(now), JobHistory.created_at >= gallery.pictures_from]
    if gallery.slot_id is not None:
        conditions.append(JobHistory.slot_id == gallery.slot_id)
    return conditions


def _shown_in(gallery: SharedGallery, now: datetime) -> list[ColumnElement[bool]]:
    approved = [JobHistory.approved_at.is_not(None)] if gallery.moderated else []
    return [*_in_gallery(gallery, now), *approved]


def _waiting_for(gallery: SharedGallery, now: datetime) -> list[ColumnElement[bool]]:
    return [*_in_gallery(gallery, now), JobHistory.approved_at.is_(None)]
