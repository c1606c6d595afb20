"""Public links: who may fetch a result, and under which name it is saved."""

from __future__ import annotations

import asyncio
import re
import unicodedata
import uuid
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

import structlog

from appliance.core.app_settings import AppSettingsRepository
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.errors import ResultExpired, ResultNotFound
from appliance.jobs.models import JobStatus
from appliance.jobs.repository import JobRepository
from appliance.media.store import EXTENSIONS, MediaStore

log = structlog.get_logger()

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Download:
    """A result that may be fetched now: its key in the store, its type and a friendly name."""

    key: str
    media_type: str
    name: str
    expires_at: datetime

    def content_disposition(self) -> str:
        """The header that makes a browser save the file under its name, in any alphabet."""
        plain = unicodedata.normalize("NFKD", self.name).encode("ascii", "ignore").decode().lstrip("-")
        return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(self.name, safe='')}"


class ResultService:
    """Decides over public links; Nginx sends the bytes."""

    def __init__(self, database: Database, media: MediaStore) -> None:
        self._database = database
        self._media = media

    async def download(self, job_id: str) -> Download:
        """The file behind a public link.

        Raises ``ResultNotFound`` for what is unknown, pending or failed, ``ResultExpired`` past
        the TTL, whether or not cleanup has run.
        """
        if not _ID.fullmatch(job_id):
            raise ResultNotFound
        async with self._database.session() as session:
            job = await JobRepository(session).get(uuid.UUID(job_id))
            settings = await AppSettingsRepository(session).operator_settings()
        if job is None or job.status != JobStatus.DONE:
            raise ResultNotFound
        assert job.result_key and job.result_type and job.result_expires_at  # noqa: S101, PT018 - a table constraint
        if job.cleaned_at is not None or utcnow() > job.result_expires_at:
            raise ResultExpired
        if not await asyncio.to_thread(self._media.path(job.result_key).exists):
            log.error("result.file_missing", job=job_id, key=job.result_key)
            raise ResultNotFound
        name = friendly_name(settings.event_title, job.created_at, job.result_type)
        return Download(job.result_key, job.result_type, name, job.result_expires_at)


def friendly_name(event_title: str, taken_at: datetime, media_type: str) -> str:
    """A name such as ``Anna-und-Paul-2026-11-23-214005.jpg``: letters and digits of any alphabet."""
    title = re.sub(r"[\W_]+", "-", event_title).strip("-")[:60] or "photo"
    return f"{title}-{taken_at:%Y-%m-%d-%H%M%S}.{EXTENSIONS[media_type]}"
