"""What guests see of shared galleries: who may look, which pictures, and what is new."""

from __future__ import annotations

import hmac
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.errors import NotFound, PermissionDenied, ResultExpired, ResultNotFound
from appliance.core.language import Message
from appliance.core.newest import Newest
from appliance.core.recent import Changes, Recent
from appliance.core.texts import plain_digits
from appliance.guests.guessing import PINS, Guessing
from appliance.guests.shared_galleries.models import SharedGallery
from appliance.guests.shared_galleries.repository import GalleryRepository
from appliance.guests.tokens import GuestTokens
from appliance.jobs.models import JobHistory
from appliance.settings.operator import OperatorSettings
from appliance.settings.recent import RecentSettings

PAGE = 60
GONE_FOR = timedelta(
    minutes=15
)  # so long phones are told what went; the page of one that slept is loaded anew
Kind = Literal["g", "wall"]
GalleryState = Literal["open", "closed", "expired"]
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")
_REMEMBERED = 50


@dataclass(frozen=True, slots=True)
class OpenGallery:
    """A gallery that is open, with the settings in force. ``kind`` tells phones from the room's screen."""

    gallery: SharedGallery
    settings: OperatorSettings
    kind: Kind

    @property
    def title(self) -> str:
        """What stands above the pictures."""
        return self.gallery.title or self.settings.event_title

    @property
    def path(self) -> str:
        """Its address."""
        return f"/{self.kind}/{self.gallery.token if self.kind == 'g' else self.gallery.wall_token}"


@dataclass(frozen=True, slots=True)
class PicturePage:
    """A page of a gallery: pictures' names, the newest first, and where the next page begins."""

    names: list[str]
    ai: list[str]  # those of them that AI made
    next: str | None


@dataclass(frozen=True, slots=True)
class GalleryNews:
    """The names of the first page, and those of pictures that went lately, wherever they stood."""

    pictures: list[str]
    gone: list[str]
    ai: list[str]  # those of the pictures that AI made


class SharedGalleries:
    """Shows shared galleries to guests."""

    def __init__(self, database: Database, tokens: GuestTokens, settings: RecentSettings) -> None:
        self._database = database
        self._tokens = tokens
        self._settings = settings
        self._guessing = Guessing(database, tokens)
        self._news: Newest[str, Recent[GalleryNews | None]] = Newest(_REMEMBERED)  # by galleries' tokens

    async def open(self, kind: Kind, token: str, pin_proof: str | None = None) -> OpenGallery:
        """An open gallery.

        Raises ``NotFound``, ``PermissionDenied`` when it is closed, ``ResultExpired`` when its time
        is over, ``PinNeeded`` when it has a PIN that was not given yet.
        """
        if not _TOKEN.fullmatch(token):
            raise NotFound
        async with self._database.session() as session:
            galleries = GalleryRepository(session)
            gallery = await (galleries.by_token if kind == "g" else galleries.by_wall_token)(token)
        if gallery is None:
            raise NotFound
        state = state_of(gallery, utcnow())
        if state == "closed":
            raise PermissionDenied(Message("This gallery is closed."))
        if state == "expired":
            raise ResultExpired(Message("This gallery was open for a limited time and has ended."))
        opened = OpenGallery(gallery, await self._settings.operator_settings(), kind)
        if kind == "g" and gallery.pin and not _equal(pin_proof or "", self.proof(opened)):
            raise PinNeeded(opened)
        return opened

    def proof(self, opened: OpenGallery) -> str:
        """What a phone keeps that has given the PIN; another PIN makes it worthless."""
        return self._tokens.seal(f"pin:{opened.gallery.id}", opened.gallery.pin or "")

    async def try_pin(self, opened: OpenGallery, pin: str, address: str) -> bool:
        """Whether ``pin`` is right; raises ``RateLimited`` after too many wrong ones."""

        async def compare() -> bool | None:
            return _equal(plain_digits(pin), plain_digits(opened.gallery.pin or "")) or None

        return bool(await self._guessing.attempt(PINS, f"pin:{opened.gallery.id}", address, compare))

    async def page_of(self, opened: OpenGallery, after: str | None) -> PicturePage:
        """The first page, or the one after the picture ``after``; raises ``ResultNotFound``."""
        async with self._database.session() as session:
            galleries = GalleryRepository(session)
            last = await galleries.position(self._job_id(opened, after)) if after else None
            if after and last is None:
                raise ResultNotFound
            found = await galleries.pictures(opened.gallery, utcnow(), PAGE + 1, last)
        names = self._names(opened, found[:PAGE])
        return PicturePage(names, self._by_ai(opened, found[:PAGE]), names[-1] if len(found) > PAGE else None)

    async def news(self, opened: OpenGallery) -> GalleryNews | None:
        """What is new, looked up once a second however many phones ask; ``None``: it is closed."""
        token = opened.gallery.token
        if token not in self._news:
            self._news[token] = Recent(partial(self._look, token), Changes())
        return await self._news[token].get()

    async def _look(self, token: str) -> GalleryNews | None:
        now, settings = utcnow(), await self._settings.operator_settings()
        async with self._database.session() as session:
            galleries = GalleryRepository(session)
            gallery = await galleries.by_token(token)
            if gallery is None or state_of(gallery, now) != "open":
                return None
            pictures = await galleries.pictures(gallery, now, PAGE)
            gone = await galleries.gone(gallery, now - GONE_FOR)
        opened = OpenGallery(gallery, settings, "g")
        name = str(gallery.id)
        return GalleryNews(
            self._names(opened, pictures),
            [self._tokens.picture(name, job_id) for job_id in gone],
            self._by_ai(opened, pictures),
        )

    async def picture(self, opened: OpenGallery, name: str) -> JobHistory:
        """A picture of the gallery by its name there; raises ``ResultNotFound``."""
        job_id = self._job_id(opened, name)
        async with self._database.session() as session:
            job = await GalleryRepository(session).picture(opened.gallery, job_id, utcnow())
        if job is None:
            raise ResultNotFound
        return job

    def _job_id(self, opened: OpenGallery, name: str) -> uuid.UUID:
        job_id = self._tokens.read_picture(str(opened.gallery.id), name)
        if job_id is None:
            raise ResultNotFound
        return job_id

    def _names(self, opened: OpenGallery, jobs: Sequence[JobHistory]) -> list[str]:
        name = str(opened.gallery.id)
        return [self._tokens.picture(name, job.job_id) for job in jobs]

    def _by_ai(self, opened: OpenGallery, jobs: Sequence[JobHistory]) -> list[str]:
        """The names of those on which a sign is shown."""
        return (
            self._names(opened, [job for job in jobs if job.by_ai]) if opened.settings.shows_ai_sign else []
        )


class PinNeeded(Exception):
    """The gallery is open, but its PIN was not given yet."""

    def __init__(self, opened: OpenGallery) -> None:
        super().__init__("a PIN is needed")
        self.opened = opened


def state_of(gallery: SharedGallery, now: datetime) -> GalleryState:
    """Whether a gallery can be looked at."""
    if gallery.closed_at is not None:
        return "closed"
    return "expired" if gallery.closes_at is not None and now > gallery.closes_at else "open"


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
