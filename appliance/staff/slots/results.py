"""A slot with its newest results (UC6)."""

from __future__ import annotations

import uuid
from datetime import datetime

from pydantic import Field

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.frozen import FrozenModel
from appliance.core.images import JPEG
from appliance.jobs import links
from appliance.jobs.models import JobHistory, JobStatus
from appliance.staff.jobs.search import JobFilter, ResultState, find_jobs, result_state
from appliance.staff.slots.editor import SlotEditor
from appliance.staff.slots.views import SlotView

RECENT = 10
_ID = "5f0c2a52-4a5e-4a0f-9d68-0d2f6a1c7b11"


class RecentResult(FrozenModel):
    """A finished picture of a slot."""

    job_id: uuid.UUID = Field(examples=[_ID])
    status: JobStatus = Field(examples=["done"])
    state: ResultState
    type: str = Field(examples=[JPEG.media_type])
    size: int = Field(description="in bytes", examples=[812345])
    created_at: datetime
    expires_at: datetime
    public_url: str = Field(description="the guest's link", examples=[f"/public/results/{_ID}"])
    preview_url: str = Field(examples=[f"/api/jobs/{_ID}/preview"])


class SlotPage(SlotView):
    """A slot with its newest results."""

    recent_results: list[RecentResult] = Field(description="newest first, without deleted ones")


class SlotPages:
    """Shows a slot with what it made."""

    def __init__(self, database: Database, editor: SlotEditor) -> None:
        self._database = database
        self._editor = editor

    async def page(self, slot_id: str, results: int = RECENT) -> SlotPage:
        """A slot with its ``results`` newest pictures of guests; raises ``SlotNotFound``."""
        slot = await self._editor.get(slot_id)
        recent = await self.recent(slot_id, results) if results else []
        facts = {name: getattr(slot, name) for name in SlotView.model_fields}
        return SlotPage.model_construct(**facts, recent_results=recent)

    async def recent(self, slot_id: str, limit: int) -> list[RecentResult]:
        """The newest pictures of a slot that are still there or have expired."""
        wanted = JobFilter(slot=slot_id, source="ingest", result="kept")
        async with self._database.session() as session:
            found = await find_jobs(session, wanted, limit=limit)
        now = utcnow()
        return [_recent(job, now) for job in found.jobs]


def _recent(job: JobHistory, now: datetime) -> RecentResult:
    return RecentResult.from_object(
        job,
        state=result_state(job, now) or "expired",
        type=job.result_type or "",
        size=job.result_size or 0,
        expires_at=job.result_expires_at or now,
        public_url=links.public_path(job.job_id),
        preview_url=links.preview_path(job.job_id),
    )
