"""Results as operators browse them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Literal

from pydantic import Field

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.frozen import FrozenModel
from appliance.core.openapi import NEXT_CURSOR
from appliance.jobs.models import JobHistory
from appliance.staff.jobs.schemas import ResultView
from appliance.staff.jobs.search import JobFilter, ResultState, find_jobs
from appliance.staff.jobs.service import result_view

PictureState = ResultState | Literal["kept", "any"]


class PictureView(ResultView):
    """One result."""

    job_id: uuid.UUID = Field(examples=["5f0c2a52-4a5e-4a0f-9d68-0d2f6a1c7b11"])
    slot_id: str = Field(examples=["slot-005"])
    source: Literal["ingest", "test"]
    created_at: datetime


class PictureList(FrozenModel):
    """A page of results, the newest first."""

    results: list[PictureView]
    next_cursor: str | None = Field(description=NEXT_CURSOR)


class PictureSearch:
    """Finds results, a page at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, wanted: JobFilter, *, limit: int = 60, cursor: str | None = None) -> PictureList:
        """The results that fit; raises ``ValidationFailed`` for a broken cursor.

        ``wanted.result`` says in which state; new results do not shift the pages.
        """
        async with self._database.session() as session:
            page = await find_jobs(session, wanted, limit=limit, cursor=cursor)
        now = utcnow()
        items = [item for job in page.jobs if (item := _item(job, now))]
        return PictureList(results=items, next_cursor=page.next_cursor)


def _item(job: JobHistory, now: datetime) -> PictureView | None:
    shown = result_view(job, now)
    return PictureView.from_object(job, **dict(shown)) if shown else None
