"""One photo, from the first byte of its upload to the answer."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import structlog

from appliance.core.clock import Deadline
from appliance.core.errors import (
    DeadlineExceeded,
    InvalidMultipart,
    ResultExpired,
    StorageFull,
)
from appliance.core.language import Message
from appliance.core.multipart_headers import boundary_of
from appliance.core.photos_first import PhotoWork
from appliance.core.tasks import begin
from appliance.core.threads import finish_in_thread
from appliance.core.uploads import ReceivedUpload, UploadReceiver
from appliance.ingest.booth_keys.service import BoothKeys
from appliance.ingest.booth_requests.arrival import Arrival
from appliance.ingest.credentials import IngestCredentials
from appliance.ingest.gate import Gate
from appliance.ingest.idempotency import Delivered, IdempotentJobs, UploadIdentity
from appliance.ingest.job import PhotoJob, row_of
from appliance.ingest.proof import PASSWORD_FIELD, SenderProof, without_secrets
from appliance.ingest.storing import PictureStoring
from appliance.ingest.unproven import UnprovenUploads
from appliance.jobs.ledger import JobLedger, JobRecord
from appliance.media.finish import Finisher, actions_of, as_it_is
from appliance.media.imaging import Imaging, Photo, PhotoInfo
from appliance.media.signing import ContentCredentials
from appliance.media.store import MediaStore, StoredFile
from appliance.media.temporary_media import TemporaryMedia
from appliance.providers.attempts import Delivery
from appliance.providers.failover import ProviderLine
from appliance.providers.local.driver import LocalDriver
from appliance.providers.runner import EditJob
from appliance.slots.schemas import ActiveSlot
from appliance.slots.service import SlotService

log = structlog.get_logger()

FINISH_SECONDS = 0.25  # kept back from the provider so that the picture is stored before the deadline
PRINT_SECONDS = 1.0  # likewise where something is put on it or changed first
LATEST_SECONDS = 0.9  # no answer comes later than this after the deadline
IDEMPOTENCY_FIELD = "idempotency_key"
MAX_KEY_CHARS = 200


@dataclass(frozen=True, slots=True)
class PhotoRequest:
    """A request as it came in: nothing of its body has been read yet."""

    started: float  # monotonic seconds of its first byte
    content_type: str | None
    idempotency_key: str | None
    query: dict[str, str]
    body: AsyncIterator[bytes]
    guest_base: str
    address: str  # the client's, as Nginx names it
    arrival: Arrival  # what staff will see of it


class IngestService:
    """The straight line of one photo."""

    def __init__(
        self,
        *,
        slots: SlotService,
        credentials: IngestCredentials,
        booth_keys: BoothKeys,
        idempotent: IdempotentJobs,
        gate: Gate,
        ledger: JobLedger,
        providers: ProviderLine,
        media: MediaStore,
        signing: ContentCredentials,
        imaging: Imaging,
        temporary_media: TemporaryMedia,
        work: PhotoWork,
    ) -> None:
        self._slots = slots
        self._credentials = credentials
        self._booth_keys = booth_keys
        self._idempotent = idempotent
        self._gate = gate
        self._ledger = ledger
        self._providers = providers
        self._media = media
        self._imaging = imaging
        self._finisher = Finisher(imaging)
        self._signing = signing
        self._temporary_media = temporary_media
        self._work = work
        self._unproven = UnprovenUploads()
        self._running: set[asyncio.Task[Delivered]] = set()
        self.guest_base: str | None = None  # of the links that the last booth with the password was given

    async def slot(self, slot_id: str) -> ActiveSlot:
        """The slot a photo was posted to; raises before anything of the body is read."""
        return await self._slots.for_ingest(slot_id)

    async def ingest(self, slot: ActiveSlot, request: PhotoRequest) -> Delivered:
        """Take the upload, have its picture made, and deliver it before the slot's deadline.

        Raises the ``ApplianceError`` the booth is answered with. A client that hangs up after
        its upload does not stop the job: a picture in time is kept.
        """
        deadline = slot.deadline_from(request.started)
        job_id = uuid.uuid4()
        try:
            job = await self._receive(slot, request, job_id, deadline)
        except BaseException:
            await self._drop_temp(slot.slot_id, job_id)
            raise
        if job.source == "ingest":
            self.guest_base = request.guest_base
        running = self.begin(job)
        # The job minds the deadline itself; this bound holds even when the database hangs.
        await asyncio.wait({running}, timeout=deadline.remaining() + LATEST_SECONDS)
        if not running.done():
            raise DeadlineExceeded(job_id=str(job_id))
        try:
            return running.result()
        finally:
            del running  # a failure would hold this frame, and so the task that holds the failure

    async def _receive(
        self, slot: ActiveSlot, request: PhotoRequest, job_id: uuid.UUID, deadline: Deadline
    ) -> PhotoJob:
        boundary = boundary_of(request.content_type)
        proof = SenderProof(self._credentials, self._booth_keys, slot.slot_id, request.address)
        request.arrival.proof = proof
        try:
            async with deadline.guard() as limit:
                await proof.look_at_address(request.query)
                upload, info = await self._upload(slot, request, job_id, boundary, proof)
        except TimeoutError:
            if not limit.expired():  # not ours: the database did not answer
                raise
            log.warning("ingest.upload_too_slow", slot=slot.slot_id, ms=round(deadline.elapsed() * 1000))
            raise DeadlineExceeded(
                Message("The photo did not arrive in time. Check the network, or set 'Max image size'.")
            ) from None
        job = PhotoJob(
            job_id=job_id,
            slot=slot,
            deadline=deadline,
            upload=upload,
            info=info,
            key=_idempotency_key(request, upload),
            query=without_secrets(request.query),
            source="test" if proof.booth and proof.booth.is_test else "ingest",
            base=request.guest_base,
            booth=request.address[:64],
            timings={"receive": round((time.monotonic() - request.started) * 1000)},
        )
        request.arrival.info, request.arrival.timings = info, job.timings
        return job

    async def _upload(
        self, slot: ActiveSlot, request: PhotoRequest, job_id: uuid.UUID, boundary: str, proof: SenderProof
    ) -> tuple[ReceivedUpload, PhotoInfo]:
        """The upload in its temp folder, its sender and its photo checked."""
        with ExitStack() as proven:

            async def look(name: str, value: str) -> None:
                was_given = proof.given
                await proof.look_at_field(name, value)
                if proof.given and not was_given:
                    waiting.proven()
                    proven.enter_context(self._work.going_on())

            if proof.given:
                proven.enter_context(self._work.going_on())
            async with self._unproven.waiting(request.address, proven=proof.given) as waiting:
                receiver = UploadReceiver(
                    await finish_in_thread(self._media.make_temp, slot.slot_id, job_id),
                    boundary,
                    max_file_bytes=slot.settings.max_upload_bytes,
                    once=frozenset({PASSWORD_FIELD, IDEMPOTENCY_FIELD}),
                    on_field=look,
                    on_file=waiting.take_slowly,
                )
                request.arrival.parts = receiver.parts
                upload = await receiver.receive(request.body)
            proof.require()
            info = await self._imaging.receive(
                upload.file.path, slot.settings.max_pixels, slot.input_max_side
            )
        return upload, info

    def begin(self, job: PhotoJob) -> asyncio.Task[Delivered]:
        """Start ``job`` in a task of its own, which a hung-up client does not stop.

        Its upload's folder is gone when the task ends.
        """
        task = begin(self._run_once(job))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _run_once(self, job: PhotoJob) -> Delivered:
        of_a_booth = job.source == "ingest" and not job.by_staff
        window = job.slot.settings.idempotency_window_seconds if of_a_booth else 0
        identity = UploadIdentity(job.slot.slot_id, job.upload.file.sha256, job.key, window)
        job = replace(job, in_flight=identity.name)
        try:
            return await self._idempotent.run(identity, job.deadline, lambda: self._run(job, identity))
        finally:
            await self._drop_temp(job.slot.slot_id, job.job_id)

    async def _run(self, job: PhotoJob, identity: UploadIdentity) -> Delivered:
        slot = job.slot
        is_first = partial(self._idempotent.is_first, identity) if job.in_flight else None
        waited_since = time.monotonic()
        async with (
            self._gate.enter(f"slot:{slot.slot_id}", slot.permits, job.deadline),
            self._ledger.recording(row_of(job), job.deadline, is_first) as record,
        ):
            job.opened.set()
            record.timings |= job.timings
            record.mark("wait", waited_since)
            try:
                with self._work.going_on():
                    return await self._make(job, record)
            finally:
                job.timings.update(record.timings)

    async def _make(self, job: PhotoJob, record: JobRecord) -> Delivered:
        await self._keep_source(job, record)
        since = time.monotonic()

        async def store(delivery: Delivery) -> StoredFile:
            with self._work.going_on():
                return await self._store(job, record, delivery)

        storing = PictureStoring(job.job_id, self._media, store)
        try:
            delivery = await self._edit(job, record, storing)
            record.mark("provider", since)
            stored = await storing.stored(delivery)
        finally:
            await storing.aclose()
        record.done(stored, timedelta(hours=job.slot.settings.result_ttl_hours))
        return Delivered(job.job_id, stored)

    async def _store(self, job: PhotoJob, record: JobRecord, delivery: Delivery) -> StoredFile:
        """Put on the picture what the slot wants, and store it."""
        since = time.monotonic()
        by_ai, settings = delivery.route.by_ai, job.slot.settings
        async with job.deadline.guard():
            words = settings.mark_ai_words if by_ai else ""
            finished = await self._finisher.finish(
                delivery.picture, job.slot.output, job.slot.overlay, job.deadline, job.link, words
            )
            if settings.marks_ai_files and by_ai:
                done = actions_of(job.slot.output, job.slot.overlay, words)
                finished = await asyncio.to_thread(
                    self._signing.marked_and_signed, finished, delivery.picture, done
                )
            since = record.mark("finish", since)
            stored = await self._media.put_result(job.job_id, finished)
        record.mark("store", since)
        return stored

    async def _edit(self, job: PhotoJob, record: JobRecord, storing: PictureStoring) -> Delivery:
        slot, settings = job.slot, job.slot.settings
        record.primary_route = slot.primary
        untouched = as_it_is(slot.output, slot.overlay, settings.mark_ai_words)
        for_providers = job.deadline.shortened(FINISH_SECONDS if untouched else PRINT_SECONDS)

        def permits(provider: str, deadline: Deadline) -> AbstractAsyncContextManager[None]:
            return self._gate.enter(f"provider:{provider}", settings.permits_of(provider), deadline)

        plan = slot.plan(str(job.job_id), {**job.fields, **job.query})
        here = plan.routes[0].provider == LocalDriver.name
        with (
            self._temporary_media.for_job(settings.provider_media_base_url) as publisher,
            nullcontext() if here else self._work.elsewhere(),
        ):
            return await self._providers.edit(
                EditJob(
                    plan=plan,
                    photo=Photo(job.upload.file.path, job.info, self._imaging),
                    deadline=for_providers,
                    permits=permits,
                    attempts=record.attempts,
                    publisher=publisher,
                    on_held=storing.begin,
                )
            )

    async def _keep_source(self, job: PhotoJob, record: JobRecord) -> None:
        """Keep the guest's own photo where the operator wants it; a picture is not lost over it."""
        if job.slot.settings.keep_sources_hours <= 0:
            return
        try:
            record.source_key = await self._media.keep_source(
                job.job_id, job.upload.file.path, job.info.media_type
            )
        except (OSError, StorageFull) as error:
            log.warning("source.not_kept", job=str(job.job_id), error=type(error).__name__)

    async def _drop_temp(self, slot_id: str, job_id: uuid.UUID) -> None:
        await finish_in_thread(self._media.drop_temp, slot_id, job_id)

    async def read_result(self, delivered: Delivered) -> bytes:
        """The picture of a delivered job."""
        try:
            return await self._media.read(delivered.result.key)
        except FileNotFoundError:  # a replay of a result that an administrator removed meanwhile
            await asyncio.to_thread(self._media.require_disk)
            raise ResultExpired(job_id=str(delivered.job_id)) from None

    async def aclose(self) -> None:
        """Let running jobs come to their end, each within its own deadline."""
        while self._running:
            await asyncio.wait(set(self._running))


def _idempotency_key(request: PhotoRequest, upload: ReceivedUpload) -> str | None:
    key = (request.idempotency_key or upload.fields.get(IDEMPOTENCY_FIELD, "")).strip()
    if len(key) > MAX_KEY_CHARS:
        raise InvalidMultipart(
            Message("The idempotency key is longer than %(n)s characters.", n=MAX_KEY_CHARS),
            fields={IDEMPOTENCY_FIELD: Message("too long")},
        )
    return key or None
