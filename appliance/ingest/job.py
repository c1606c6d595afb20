"""A checked photo that is about to become a job, and its row."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from appliance.core.clock import Deadline, utcnow
from appliance.core.uploads import ReceivedUpload
from appliance.ingest.proof import without_secrets
from appliance.jobs.links import page_path
from appliance.jobs.models import JobHistory
from appliance.media.imaging import PhotoInfo
from appliance.slots.schemas import ActiveSlot

Source = Literal["ingest", "test"]


@dataclass(frozen=True, slots=True)
class PhotoJob:
    """What the line needs to know of a photo. ``opened`` is set when its row is there."""

    job_id: uuid.UUID
    slot: ActiveSlot
    deadline: Deadline
    upload: ReceivedUpload
    info: PhotoInfo
    key: str | None
    query: dict[str, str]
    timings: dict[str, int]
    base: str  # of the guest's link
    source: Source = "ingest"
    by_staff: bool = False  # started from the staff's pages: always a job of its own
    booth: str | None = None  # the address it posted from
    in_flight: str | None = None  # as what it is found when it is sent again, until its row is closed
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def link(self) -> str:
        """The guest's link, for a QR code in the picture."""
        return self.base + page_path(self.job_id)

    @property
    def fields(self) -> dict[str, str]:
        """What the camera sent besides the photo and what shows whose it is."""
        return without_secrets(self.upload.fields)


def row_of(job: PhotoJob) -> JobHistory:
    """The pending row of a job."""
    file, primary = job.upload.file, job.slot.routes[0]
    return JobHistory(
        job_id=job.job_id,
        slot_id=job.slot.slot_id,
        source=job.source,
        provider=primary.provider,
        operation=primary.operation,
        model=primary.model,
        timings=dict(job.timings),
        request_fields=job.fields,
        query_fields=job.query,
        upload_name=file.name,
        upload_type=job.info.media_type,
        upload_size=file.size,
        upload_sha256=file.sha256,
        idempotency_key=job.key,
        booth=job.booth,
        in_flight=job.in_flight,
        deadline_seconds=job.deadline.seconds,
        deadline_at=utcnow() + timedelta(seconds=job.deadline.remaining()),
    )
