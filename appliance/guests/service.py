"""Public links: who may see a result, under which name it is saved, and how a guest removes it."""

from __future__ import annotations

import asyncio
import re
import unicodedata
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import quote

import structlog

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.errors import PermissionDenied, ResultExpired, ResultNotFound
from appliance.core.images import EXTENSIONS
from appliance.core.language import Message
from appliance.core.recent import BatchLoader
from appliance.guests.repository import ResultRepository
from appliance.jobs.models import JobHistory, JobStatus
from appliance.jobs.repository import JobRepository
from appliance.media.store import MediaStore
from appliance.settings.operator import OperatorSettings
from appliance.settings.recent import RecentSettings

log = structlog.get_logger()

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class ResultDeleted(ResultExpired):
    """The guest, or staff, deleted it; to programs it is gone like any other."""


class LinkState(StrEnum):
    """What there is to see behind a guest's link."""

    MAKING = "making"
    READY = "ready"
    FAILED = "failed"
    EXPIRED = "expired"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class GuestPicture:
    """A job that a guest's link leads to, with the settings in force."""

    job: JobHistory
    state: LinkState
    settings: OperatorSettings

    @property
    def key(self) -> str:
        """The picture's key; only a picture that is ready has one."""
        assert self.job.result_key  # noqa: S101 - a table constraint
        return self.job.result_key

    @property
    def media_type(self) -> str:
        """The picture's type."""
        return self.job.media_type

    @property
    def expires_at(self) -> datetime:
        """When the picture goes."""
        assert self.job.result_expires_at  # noqa: S101 - a table constraint
        return self.job.result_expires_at

    @property
    def name(self) -> str:
        """The name under which the picture is saved."""
        return friendly_name(self.settings.event_title, self.job.created_at, self.media_type)


class ResultService:
    """Decides over public links; Nginx sends the bytes."""

    def __init__(self, database: Database, media: MediaStore, settings: RecentSettings) -> None:
        self._database = database
        self._media = media
        self._settings = settings
        self._jobs = BatchLoader(self._behind_links)

    async def find(self, job_id: str) -> GuestPicture:
        """What a guest's link leads to; raises ``ResultNotFound`` for what is unknown or hidden."""
        if not _ID.fullmatch(job_id):
            raise ResultNotFound
        job = await self._jobs.find(uuid.UUID(job_id))
        settings = await self._settings.operator_settings()
        if job is None:
            raise ResultNotFound
        return GuestPicture(job, state_of(job, utcnow()), settings)

    async def _behind_links(self, job_ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, JobHistory]:
        async with self._database.session() as session:
            return await ResultRepository(session).behind_links(job_ids)

    async def ready_or_pending(self, job_id: str) -> GuestPicture:
        """A picture that is there or is being made; raises like ``ready`` otherwise."""
        found = await self.find(job_id)
        if found.state is LinkState.FAILED:
            raise ResultNotFound
        if found.state is LinkState.DELETED:
            raise ResultDeleted(Message("This picture was deleted."))
        if found.state is LinkState.EXPIRED:
            raise ResultExpired
        return found

    async def ready(self, job_id: str) -> GuestPicture:
        """A picture that may be fetched now.

        Raises ``ResultNotFound`` for what is unknown, pending or failed, ``ResultExpired`` past
        the TTL or deleted, whether or not cleanup has run, ``StorageFull`` while its disk is away.
        """
        found = await self.ready_or_pending(job_id)
        if found.state is LinkState.MAKING:
            raise ResultNotFound
        if await asyncio.to_thread(self._media.is_missing, found.key):
            log.error("result.file_missing", job=job_id, key=found.key)
            raise ResultNotFound
        return found

    async def delete(self, job_id: str) -> None:
        """Remove a picture for good because its guest asks for it: files first, then what is personal.

        Raises ``PermissionDenied`` where the operator does not let guests delete, ``StorageFull`` while the
        files cannot be reached, and like ``find``.
        """
        found = await self.find(job_id)
        if not found.settings.guests_may_delete:
            raise PermissionDenied(Message("Guests cannot delete pictures here. Please ask the staff."))
        if found.state is not LinkState.READY:
            return
        job = found.job
        await asyncio.to_thread(self._media.require_disk)
        await asyncio.to_thread(self._media.forget, job.job_id, job.result_key, job.source_key)
        async with self._database.session() as session:
            await JobRepository(session).forget([found.job.job_id], utcnow())
        log.info("result.deleted_by_guest", job=job_id)


def state_of(job: JobHistory, now: datetime) -> LinkState:
    """What there is to see of ``job``."""
    if job.status == JobStatus.PENDING:
        return LinkState.MAKING
    if job.status != JobStatus.DONE:
        return LinkState.FAILED
    if job.deleted_at is not None:
        return LinkState.DELETED
    if job.cleaned_at is not None or job.result_expires_at is None or now > job.result_expires_at:
        return LinkState.EXPIRED
    return LinkState.READY


def friendly_name(event_title: str, taken_at: datetime, media_type: str) -> str:
    """A name such as ``Anna-und-Paul-2026-11-23-214005.jpg``: letters and digits of any alphabet."""
    return f"{title_for_names(event_title)}-{taken_at:%Y-%m-%d-%H%M%S}.{EXTENSIONS[media_type]}"


def title_for_names(event_title: str) -> str:
    """The event's title as the first part of a file's name: letters with their marks, and digits.

    Composed, as all but one system write names; what cannot be composed keeps its marks.
    """
    letters = [
        letter if letter.isalnum() or unicodedata.category(letter)[0] == "M" else " "
        for letter in unicodedata.normalize("NFC", event_title)
    ]
    words = "-".join("".join(letters).split())
    return words[:60].rstrip("-") or "photo"


def attachment(name: str, how: str = "attachment") -> str:
    """``Content-Disposition`` for a file to be saved as ``name``; ``inline``: if somebody saves it."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lstrip("-")
    return f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
