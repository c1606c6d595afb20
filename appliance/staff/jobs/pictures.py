"""Pictures for those who are logged in: previews, results (hidden ones too) and guests' own photos."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.errors import ResultExpired, ResultNotFound, SourceNotKept
from appliance.core.language import Message
from appliance.guests.service import friendly_name
from appliance.jobs.models import JobHistory
from appliance.jobs.repository import JobRepository
from appliance.media import previews
from appliance.media.previews import Previews, job_preview, square
from appliance.media.store import MediaStore
from appliance.settings.operator import AppSettingsRepository
from appliance.staff.jobs.search import result_state
from appliance.staff.jobs.service import known_job


@dataclass(frozen=True, slots=True)
class StaffPicture:
    """A stored file that may be sent, its type, and the name to save it under."""

    key: str
    media_type: str
    name: str


class StaffPictures:
    """Finds a job's pictures. A deleted result is still shown while it can be restored."""

    def __init__(self, database: Database, media: MediaStore, previews: Previews) -> None:
        self._database = database
        self._media = media
        self._previews = previews

    async def preview(self, job_id: str) -> StaffPicture:
        """A square preview, made when it is first asked for.

        Raises ``JobNotFound``, ``ResultNotFound``, ``ResultExpired`` or ``StorageFull``.
        """
        job, result_key = await self._delivered(job_id)
        key = job_preview(job.job_id)
        try:
            await self._previews.ready(key, result_key, square)
        except FileNotFoundError:
            raise ResultExpired from None
        return StaffPicture(key, previews.TYPE.media_type, f"{job.job_id}.{previews.TYPE.extension}")

    async def result(self, job_id: str) -> StaffPicture:
        """The picture itself; raises ``JobNotFound``, ``ResultNotFound`` or ``ResultExpired``."""
        job, key = await self._delivered(job_id)
        if await asyncio.to_thread(self._media.is_missing, key):
            raise ResultExpired
        return await self._named(job, key, job.media_type)

    async def source(self, job_id: str) -> StaffPicture:
        """The guest's own photo; raises ``JobNotFound`` or ``SourceNotKept``."""
        job = await self._job(job_id)
        if job.source_key is None or await asyncio.to_thread(self._media.is_missing, job.source_key):
            raise SourceNotKept
        return await self._named(job, job.source_key, job.upload_type)

    async def _job(self, job_id: str) -> JobHistory:
        async with self._database.session() as session:
            return await known_job(JobRepository(session), job_id)

    async def _delivered(self, job_id: str) -> tuple[JobHistory, str]:
        """A job whose picture should be there, and its key."""
        job = await self._job(job_id)
        state = result_state(job, utcnow())
        if state is None or job.result_key is None:
            raise ResultNotFound(Message("This job has no picture."))
        if state == "expired" or job.cleaned_at is not None:
            raise ResultExpired
        return job, job.result_key

    async def _named(self, job: JobHistory, key: str, media_type: str) -> StaffPicture:
        async with self._database.session() as session:
            settings = await AppSettingsRepository(session).operator_settings()
        return StaffPicture(key, media_type, friendly_name(settings.event_title, job.created_at, media_type))
