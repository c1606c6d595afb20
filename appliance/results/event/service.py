"""The end of an event: everything as one archive for the client, then nothing is left here."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import structlog
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Select, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.accounts.permissions import Principal
from appliance.accounts.repository import AccountRepository
from appliance.core.app_settings import AppSettingsRepository
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.errors import ValidationFailed
from appliance.jobs.models import JobHistory, JobStatus
from appliance.media.store import MediaStore
from appliance.results.galleries.models import SharedGallery
from appliance.results.repository import ResultRepository, to_be_seen
from appliance.results.screens import Screens
from appliance.results.service import friendly_name, title_for_names
from appliance.results.zipping import Entry, zipped

log = structlog.get_logger()

CONFIRMATION = "wipe everything"
_BATCH = 200
_COLUMNS = ("file", "taken_at", "slot", "expires_at", "fields")


class WipeRequest(BaseModel):
    """A wipe cannot be taken back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    confirm: str = Field(description=f"must be `{CONFIRMATION}`", examples=[CONFIRMATION])


class WipeReport(BaseModel):
    """What was removed."""

    pictures: int = Field(description="results whose files are gone now")
    photos: int = Field(description="guests' own photos that had been kept")
    freed_bytes: int = Field(description="of all files, screen sizes included")
    rows: int = Field(description="jobs that say nothing of a guest any more")
    galleries: int = Field(description="shared galleries, with their addresses")
    still_running: int = Field(description="jobs under way: wipe again when they have ended")


@dataclass(frozen=True, slots=True)
class EventArchive:
    """A ZIP file that can be sent: its name, and its bytes once, in pieces. Blocking: for a thread."""

    name: str
    chunks: Iterator[bytes]


class Event:
    """Exports and wipes what an event left behind."""

    def __init__(self, database: Database, media: MediaStore, screens: Screens) -> None:
        self._database = database
        self._media = media
        self._screens = screens

    async def export(self, who: Principal) -> EventArchive:
        """Every guest's picture that is there, and ``pictures.csv`` with what the booths sent along."""
        async with self._database.session() as session:
            title = (await AppSettingsRepository(session).operator_settings()).event_title
            wanted = select(JobHistory).where(*to_be_seen(utcnow())).order_by(JobHistory.created_at)
            jobs = (await session.scalars(wanted)).all()
            AccountRepository(session).record(
                who.username, "event.exported", address=who.address, pictures=len(jobs)
            )
        name = f"{title_for_names(title)}-{utcnow():%Y-%m-%d-%H%M}.zip"
        return EventArchive(name, zipped(self._entries(jobs, title)))

    def _entries(self, jobs: Sequence[JobHistory], title: str) -> Iterator[Entry]:
        names = [f"{number:04}-{_name(job, title)}" for number, job in enumerate(jobs, start=1)]
        yield Entry("pictures.csv", utcnow(), _table(jobs, names))
        for name, job in zip(names, jobs, strict=True):
            yield Entry(name, job.created_at, self._media.path(job.result_key or ""))

    async def wipe(self, request: WipeRequest, who: Principal) -> WipeReport:
        """Remove every picture, photo and gallery, and what rows say of guests; figures stay.

        Raises ``ValidationFailed`` without the confirmation. It can be repeated after a failure.
        """
        if request.confirm != CONFIRMATION:
            raise ValidationFailed(fields={"confirm": f"must be {CONFIRMATION!r}"})
        report = WipeReport(pictures=0, photos=0, freed_bytes=0, rows=0, galleries=0, still_running=0)
        while True:
            async with self._database.session() as session:
                jobs = (await session.scalars(_to_wipe())).all()
            if not jobs:
                break
            await asyncio.to_thread(self._remove_files, jobs, report)
            async with self._database.session() as session:
                await ResultRepository(session).forget([job.job_id for job in jobs], utcnow())
            report.rows += len(jobs)
        async with self._database.session() as session:
            await self._close_up(session, report, who)
        log.warning("event.wiped", account=who.username, **report.model_dump())
        return report

    def _remove_files(self, jobs: Sequence[JobHistory], report: WipeReport) -> None:
        for job in jobs:
            removed = self._media.remove(job.result_key) if job.result_key else 0
            photo = self._media.remove(job.source_key) if job.source_key else 0
            report.pictures += removed > 0
            report.photos += photo > 0
            report.freed_bytes += removed + photo + self._screens.remove(job.job_id)

    @staticmethod
    async def _close_up(session: AsyncSession, report: WipeReport, who: Principal) -> None:
        gone = await session.scalars(delete(SharedGallery).returning(SharedGallery.id))
        report.galleries = len(gone.all())
        running = await session.scalars(
            select(JobHistory.job_id).where(JobHistory.status == JobStatus.PENDING)
        )
        report.still_running = len(running.all())
        AccountRepository(session).record(
            who.username, "event.wiped", address=who.address, **report.model_dump()
        )


def _to_wipe() -> Select[JobHistory]:
    """Jobs that have ended and still have a file or say something of a guest."""
    says_something = or_(
        JobHistory.upload_sha256 != "",
        JobHistory.source_key.is_not(None),
        (JobHistory.status == JobStatus.DONE) & JobHistory.cleaned_at.is_(None),
    )
    ended = JobHistory.status != JobStatus.PENDING
    return select(JobHistory).where(ended, says_something).order_by(JobHistory.created_at).limit(_BATCH)


def _name(job: JobHistory, title: str) -> str:
    return friendly_name(title, job.created_at, job.result_type or "image/jpeg")


def _table(jobs: Sequence[JobHistory], names: Sequence[str]) -> bytes:
    """One line a picture; the fields are JSON, which no spreadsheet takes for a formula."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(_COLUMNS)
    for name, job in zip(names, jobs, strict=True):
        fields = json.dumps({**job.request_fields, **job.query_fields}, ensure_ascii=False)
        expires = job.result_expires_at.isoformat() if job.result_expires_at else ""
        table.writerow([name, job.created_at.isoformat(), job.slot_id, expires, fields])
    return b"\xef\xbb\xbf" + text.getvalue().encode()
