"""Trying a slot, and running a job again: the same line as a booth's photo, started by an operator."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from appliance.accounts.actions import AuditAction
from appliance.accounts.permissions import Principal
from appliance.accounts.repository import AccountRepository
from appliance.core.db import Database
from appliance.core.errors import MissingField, SourceNotKept, ValidationFailed
from appliance.core.json_text import from_json
from appliance.core.language import Message
from appliance.core.multipart_headers import boundary_of
from appliance.core.public_base import BaseUrls
from appliance.core.threads import finish_in_thread
from appliance.core.uploads import ReceivedFile, ReceivedUpload, UploadReceiver
from appliance.core.validation import parsed
from appliance.ingest.job import PhotoJob, Source
from appliance.ingest.service import LATEST_SECONDS, IngestService
from appliance.jobs.models import JobHistory
from appliance.jobs.repository import JobRepository
from appliance.media.imaging import Imaging
from appliance.media.store import MediaStore
from appliance.settings.operator import AppSettingsRepository, OperatorSettings
from appliance.slots.schemas import ActiveSlot, SlotConfig
from appliance.slots.service import SlotService
from appliance.staff.jobs.service import known_job
from appliance.staff.slots.editor import SlotEditor
from appliance.staff.slots.views import SlotUpdate

log = structlog.get_logger()

CONFIG_FIELD, FILE_FIELD = "config", "file"


@dataclass(frozen=True, slots=True)
class TrialRequest:
    """What an operator sent: perhaps a photo and unsaved settings, or the wish for the last guest's photo.

    Further fields and the address's values stand for what a camera would send.
    """

    slot_id: str
    started: float  # monotonic seconds of the request's first byte
    content_type: str | None
    body: AsyncIterator[bytes]
    way: BaseUrls
    last: bool = False
    query: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _TrialPhoto:
    """A photo with what a camera would send along."""

    file: ReceivedFile
    fields: Mapping[str, str]
    query: Mapping[str, str]
    source: Source
    booth: str | None = None


@dataclass(frozen=True, slots=True)
class StartedTrial:
    """A job that runs; ``finished`` waits for its end, whatever that is."""

    job: PhotoJob
    task: asyncio.Task[Any]

    async def finished(self) -> None:
        """Wait until the job has ended, at most until a booth would have been answered."""
        await asyncio.wait({self.task}, timeout=self.job.deadline.remaining() + LATEST_SECONDS)


class Trials:
    """Starts jobs for operators."""

    def __init__(
        self,
        *,
        database: Database,
        slots: SlotService,
        editor: SlotEditor,
        line: IngestService,
        media: MediaStore,
        imaging: Imaging,
    ) -> None:
        self._database = database
        self._slots = slots
        self._editor = editor
        self._line = line
        self._media = media
        self._imaging = imaging

    async def try_slot(self, request: TrialRequest, who: Principal) -> StartedTrial:
        """Try a slot, saved or not, active or not; returns as soon as the job is in the history.

        Raises ``SlotNotFound``, ``ValidationFailed``, ``SourceNotKept``, ``SlotBusy``, and for the
        photo what ingest raises.
        """
        await self._editor.get(request.slot_id)  # an unknown slot is told before the body is read
        job_id = uuid.uuid4()
        try:
            folder = await finish_in_thread(self._media.make_temp, request.slot_id, job_id)
            fields, file = await self._received(request, folder)
            config = await self._config(request.slot_id, fields.pop(CONFIG_FIELD, None))
            if file is None:
                kept = await self._last_source(request)
                file = await self._borrowed(kept, folder)
                fields = {**kept.request_fields, **fields}
            slot = await self._slots.for_trial(request.slot_id, config)
            photo = _TrialPhoto(file, fields, request.query, "test")
            job = await self._job(job_id, slot, photo, request.started, request.way)
        except BaseException:
            await self._drop(request.slot_id, job_id)
            raise
        return await self._begin(job, who, "slot.tested", unsaved=config is not None)

    async def run_again(self, job_id: str, started: float, way: BaseUrls, who: Principal) -> StartedTrial:
        """Run a job again with its own photo and its slot as it is now: a job of the same kind.

        Raises ``JobNotFound``, ``SourceNotKept``, ``SlotBusy``, or ``ProviderFailed`` when the
        slot's settings do not fit its provider.
        """
        async with self._database.session() as session:
            earlier = await known_job(JobRepository(session), job_id)
        slot = await self._slots.for_trial(earlier.slot_id)
        again = uuid.uuid4()
        try:
            folder = await finish_in_thread(self._media.make_temp, slot.slot_id, again)
            file = await self._borrowed(earlier, folder)
            source: Source = "test" if earlier.source == "test" else "ingest"
            photo = _TrialPhoto(file, earlier.request_fields, earlier.query_fields, source, earlier.booth)
            job = await self._job(again, slot, photo, started, way)
        except BaseException:
            await self._drop(slot.slot_id, again)
            raise
        return await self._begin(job, who, "job.run_again", earlier=job_id)

    async def _received(
        self, request: TrialRequest, folder: Path
    ) -> tuple[dict[str, str], ReceivedFile | None]:
        kind = (request.content_type or "").partition(";")[0].strip().lower()
        if not kind or (request.last and kind != "multipart/form-data"):
            return {}, None
        settings = await self._settings()
        receiver = UploadReceiver(
            folder,
            boundary_of(request.content_type),
            max_file_bytes=settings.max_upload_bytes,
            once=frozenset({CONFIG_FIELD}),
            file_field=FILE_FIELD,
        )
        return await receiver.receive_any(request.body)

    async def _settings(self) -> OperatorSettings:
        async with self._database.session() as session:
            return await AppSettingsRepository(session).operator_settings()

    async def _config(self, slot_id: str, text: str | None) -> SlotConfig | None:
        """The unsaved settings to try; ``None``: those that are saved."""
        if text is None or not text.strip():
            return None
        try:
            values = from_json(text)
        except ValueError:
            values = None
        if not isinstance(values, dict):
            raise ValidationFailed(fields={CONFIG_FIELD: Message("must be a JSON object, as for PUT")})
        return await self._editor.check(slot_id, parsed(SlotUpdate, values))

    async def _last_source(self, request: TrialRequest) -> JobHistory:
        """The newest guest's photo of this slot, else of any slot."""
        if not request.last:
            raise MissingField(
                Message("The photo is missing."),
                fields={FILE_FIELD: Message("send a photo, or ask for the last one: ?last=1")},
            )
        async with self._database.session() as session:
            jobs = JobRepository(session)
            found = await jobs.newest_source(request.slot_id) or await jobs.newest_source(None)
        if found is None:
            raise SourceNotKept
        return found

    async def _borrowed(self, kept: JobHistory, folder: Path) -> ReceivedFile:
        """A kept photo as if it had just been uploaded."""
        if kept.source_key is None:
            raise SourceNotKept
        target = folder / "photo"
        try:
            await self._media.copy_source(kept.source_key, target)
        except FileNotFoundError:
            raise SourceNotKept from None
        return ReceivedFile(target, kept.upload_name, kept.upload_size, kept.upload_sha256)

    async def _job(
        self,
        job_id: uuid.UUID,
        slot: ActiveSlot,
        photo: _TrialPhoto,
        started: float,
        way: BaseUrls,
    ) -> PhotoJob:
        info = await self._imaging.receive(photo.file.path, slot.settings.max_pixels, slot.input_max_side)
        return PhotoJob(
            job_id=job_id,
            slot=slot,
            deadline=slot.deadline_from(started),
            upload=ReceivedUpload(dict(photo.fields), photo.file),
            info=info,
            key=None,
            query=dict(photo.query),
            timings={"receive": round((time.monotonic() - started) * 1000)},
            source=photo.source,
            by_staff=True,
            booth=photo.booth,
            base=way.guests(slot.settings.public_base_url),
        )

    async def _begin(self, job: PhotoJob, who: Principal, action: AuditAction, **detail: Any) -> StartedTrial:
        """Start the job; it is in the history, or has failed for want of a permit, when this returns."""
        task = self._line.begin(job)
        opened = asyncio.create_task(job.opened.wait())
        try:
            await asyncio.wait({task, opened}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            opened.cancel()
        if not job.opened.is_set():
            task.result()  # raises what kept it from the history
        async with self._database.session() as session:
            AccountRepository(session).record_by(who, action, job.slot.slot_id, job=str(job.job_id), **detail)
        return StartedTrial(job, task)

    async def _drop(self, slot_id: str, job_id: uuid.UUID) -> None:
        await finish_in_thread(self._media.drop_temp, slot_id, job_id)
