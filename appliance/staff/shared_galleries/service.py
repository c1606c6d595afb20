"""Shared galleries as operators open, close and moderate them."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Collection
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.accounts.actions import AuditAction
from appliance.accounts.permissions import Principal
from appliance.accounts.repository import AccountRepository
from appliance.core.clock import stamp, utcnow
from appliance.core.db import Database
from appliance.core.errors import JobNotFound, NotFound, VersionConflict
from appliance.core.language import Message
from appliance.guests.shared_galleries.models import SharedGallery
from appliance.guests.shared_galleries.repository import GalleryRepository
from appliance.guests.shared_galleries.service import state_of
from appliance.jobs.links import preview_path
from appliance.jobs.models import JobHistory
from appliance.settings.operator import AppSettingsRepository
from appliance.staff.shared_galleries.schemas import PIN_DIGITS, GalleryView, NewGallery, WaitingPicture

log = structlog.get_logger()

EARLIER = timedelta(hours=12)
MOST_WAITING = 200
_DECISIONS: dict[bool | None, AuditAction] = {
    True: "gallery.picture_approved",
    False: "gallery.picture_rejected",
    None: "gallery.picture_undecided",
}


class SharedGalleryService:
    """Opens and closes galleries; each step is one transaction and one line in the audit log.

    ``base`` is what guests' links begin with. Methods raise ``NotFound`` for an unknown gallery.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def suggest_pin() -> str:
        """A new PIN at random."""
        return f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}}"

    async def open(self, wanted: NewGallery, who: Principal, base: str) -> GalleryView:
        """A new gallery, open at once, at an address of its own."""
        async with self._database.session() as session:
            gallery = _opened(session, wanted, who)
            await session.flush()
            return await _view(session, gallery, base)

    async def open_for_slot(self, slot_id: str, minutes: float | None, who: Principal) -> None:
        """A new gallery of a slot, unless one is open that shows its pictures; two may ask at once."""
        async with self._database.session() as session:
            galleries = GalleryRepository(session)
            await galleries.lock()
            if await galleries.open_for(slot_id, utcnow()) is None:
                _opened(session, NewGallery(slot_id=slot_id, minutes=minutes), who)

    async def open_again(
        self, gallery_id: uuid.UUID, minutes: float | None, who: Principal, base: str
    ) -> GalleryView:
        """Open for that long from now, at the address it always had; also while it is open."""
        now = utcnow()
        async with self._database.session() as session:
            gallery = await _known(session, gallery_id)
            gallery.closed_at = gallery.closed_by = None
            gallery.closes_at = now + timedelta(minutes=minutes) if minutes else None
            _note(session, gallery, who, "gallery.opened")
            return await _view(session, gallery, base)

    async def close(self, gallery_id: uuid.UUID, who: Principal, base: str) -> GalleryView:
        """Nobody sees it from now on; closing it twice is fine."""
        async with self._database.session() as session:
            gallery = await _known(session, gallery_id)
            if gallery.closed_at is None:
                gallery.closed_at, gallery.closed_by = utcnow(), who.username
                _note(session, gallery, who, "gallery.closed")
            return await _view(session, gallery, base)

    async def get(self, gallery_id: uuid.UUID, base: str) -> GalleryView:
        """One gallery."""
        async with self._database.session() as session:
            return await _view(session, await _known(session, gallery_id), base)

    async def open_for(self, slot_id: str, base: str) -> GalleryView | None:
        """The open gallery that shows a slot's pictures: its own, else one of the whole event."""
        async with self._database.session() as session:
            found = await GalleryRepository(session).open_for(slot_id, utcnow())
            return await _view(session, found, base) if found else None

    async def all(self, base: str) -> list[GalleryView]:
        """Every gallery, the newest first."""
        async with self._database.session() as session:
            return [await _view(session, one, base) for one in await GalleryRepository(session).all()]

    async def waiting(self, gallery_id: uuid.UUID) -> list[WaitingPicture]:
        """Pictures that wait for approval, the oldest first."""
        async with self._database.session() as session:
            gallery = await _known(session, gallery_id)
            jobs = await GalleryRepository(session).waiting([gallery], utcnow(), MOST_WAITING)
        return [_waiting(job) for job in jobs]

    async def queue(self, after: uuid.UUID | None = None) -> list[WaitingPicture]:
        """Pictures that wait for approval in any open moderated gallery, the oldest first.

        With ``after`` only those that came after that picture.
        """
        now = utcnow()
        async with self._database.session() as session:
            galleries = GalleryRepository(session)
            position = await galleries.position(after) if after else None
            moderated = await _moderated(galleries, now)
            jobs = await galleries.waiting(moderated, now, MOST_WAITING, position)
        return [_waiting(job) for job in jobs]

    async def no_longer_waiting(self, job_ids: Collection[uuid.UUID]) -> list[uuid.UUID]:
        """Those of ``job_ids`` that left the queue: decided, hidden, expired, or of a gallery that closed."""
        now = utcnow()
        async with self._database.session() as session:
            galleries = GalleryRepository(session)
            waiting = await galleries.still_waiting(await _moderated(galleries, now), now, job_ids)
        return [job_id for job_id in job_ids if job_id not in waiting]

    async def decide_first(self, job_id: uuid.UUID, who: Principal, *, approved: bool) -> None:
        """Approve or reject a picture that waits.

        Raises ``VersionConflict`` if somebody was faster, and ``JobNotFound``.
        """
        action = _DECISIONS[approved]
        async with self._database.session() as session:
            galleries = GalleryRepository(session)
            if not await galleries.decide_first(job_id, utcnow(), approved=approved):
                raise await _already_decided(session, job_id)
            AccountRepository(session).record_by(who, action, job=str(job_id), pictures=1)
        log.info(action, account=who.username, pictures=1)

    async def decide(self, job_ids: Collection[uuid.UUID], who: Principal, *, approved: bool | None) -> int:
        """Approve or reject pictures for galleries, or take that back, whatever was decided before;
        returns how many changed.
        """
        action = _DECISIONS[approved]
        async with self._database.session() as session:
            changed = await GalleryRepository(session).decide(job_ids, utcnow(), approved=approved)
            if changed:
                only = str(next(iter(job_ids))) if len(job_ids) == 1 else None
                AccountRepository(session).record_by(who, action, job=only, pictures=changed)
        log.info(action, account=who.username, pictures=changed)
        return changed


def _waiting(job: JobHistory) -> WaitingPicture:
    return WaitingPicture.from_object(job, preview_url=preview_path(job.job_id))


async def _moderated(galleries: GalleryRepository, now: datetime) -> list[SharedGallery]:
    """Open galleries whose pictures wait for approval."""
    return [one for one in await galleries.all() if one.moderated and state_of(one, now) == "open"]


async def _already_decided(session: AsyncSession, job_id: uuid.UUID) -> JobNotFound | VersionConflict:
    """The failure that says who was faster, and what they decided."""
    galleries = GalleryRepository(session)
    position, approved = await galleries.position(job_id), await galleries.decision(job_id)
    if position is None or approved is None:
        return JobNotFound()
    action = _DECISIONS[approved]
    who = await AccountRepository(session).newest_actor(action, job_id, position.created_at) or "–"
    if approved:
        return VersionConflict(Message("%(who)s has already approved this picture.", who=who))
    return VersionConflict(Message("%(who)s has already rejected this picture.", who=who))


def _opened(session: AsyncSession, wanted: NewGallery, who: Principal) -> SharedGallery:
    now = utcnow()
    gallery = SharedGallery(
        id=uuid.uuid4(),
        token=secrets.token_urlsafe(16),
        wall_token=secrets.token_urlsafe(16),
        title=wanted.title,
        slot_id=wanted.slot_id,
        pin=wanted.pin,
        moderated=wanted.moderated,
        pictures_from=wanted.pictures_from or now - EARLIER,
        opened_at=now,
        opened_by=who.username,
        closes_at=now + timedelta(minutes=wanted.minutes) if wanted.minutes else None,
    )
    GalleryRepository(session).add(gallery)
    _note(session, gallery, who, "gallery.opened")
    return gallery


async def _known(session: AsyncSession, gallery_id: uuid.UUID) -> SharedGallery:
    gallery = await GalleryRepository(session).get(gallery_id)
    if gallery is None:
        raise NotFound(Message("There is no such gallery."))
    return gallery


async def _view(session: AsyncSession, gallery: SharedGallery, base: str) -> GalleryView:
    now = utcnow()
    shown, waiting = await GalleryRepository(session).counts(gallery, now)
    settings = await AppSettingsRepository(session).operator_settings()
    return GalleryView.from_object(
        gallery,
        state=state_of(gallery, now),
        title=gallery.title or settings.event_title,
        pin_is_short=gallery.pin is not None and len(gallery.pin) < PIN_DIGITS,
        pictures=shown,
        waiting=waiting if gallery.moderated else 0,
        url=f"{base}/g/{gallery.token}",
        qr_url=f"{base}/g/{gallery.token}/qr.png",
        wall_url=f"{base}/wall/{gallery.wall_token}",
    )


def _note(session: AsyncSession, gallery: SharedGallery, who: Principal, action: AuditAction) -> None:
    until = stamp(gallery.closes_at) if gallery.closes_at else None
    AccountRepository(session).record_by(who, action, str(gallery.id), title=gallery.title, until=until)
    log.info(action, gallery=str(gallery.id), account=who.username)
