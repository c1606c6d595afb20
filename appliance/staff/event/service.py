"""The end of an event: everything as one archive for the client, then nothing is left here."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime

import structlog
from starlette.concurrency import iterate_in_threadpool

from appliance.accounts.permissions import Principal
from appliance.accounts.repository import AccountRepository
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.errors import EventNotExported, ValidationFailed
from appliance.core.language import Message
from appliance.core.threads import pages_for_thread
from appliance.guests.service import title_for_names
from appliance.guests.zipping import Archive, zipped
from appliance.jobs.models import JobHistory
from appliance.jobs.repository import JobRepository
from appliance.media.store import MediaStore
from appliance.settings.operator import AppSettingsRepository
from appliance.staff.booths.everywhere import AllBooths
from appliance.staff.event.archive import EventTable, entries
from appliance.staff.event.repository import EventRepository, ExportedJob
from appliance.staff.event.schemas import CONFIRMATION, EventState, WipeReport, WipeRequest

log = structlog.get_logger()

_BATCH = 200
_PAGE = 500  # rows: decoding them keeps the loop for about 10 ms


class _JobPages:
    """The jobs to export, page by page, for the thread that packs them; counts what it gave."""

    def __init__(self, database: Database, now: datetime, loop: asyncio.AbstractEventLoop) -> None:
        self._database, self._now, self._loop = database, now, loop
        self.job_ids: list[int] = []  # plain numbers: the garbage collector does not look at each
        self.pictures = self.photos = 0

    def __iter__(self) -> Iterator[Sequence[ExportedJob]]:
        for jobs in pages_for_thread(self._page, self._loop):
            self.job_ids += [job.job_id.int for job in jobs]
            self.pictures += sum(job.ready for job in jobs)
            self.photos += sum(job.source_key is not None for job in jobs)
            yield jobs

    async def _page(self, last: ExportedJob | None) -> list[ExportedJob]:
        after = (last.created_at, last.job_id) if last else None
        async with self._database.session() as session:
            return await EventRepository(session).to_export(self._now, after, _PAGE)


class Event:
    """Exports and wipes what an event left behind."""

    def __init__(self, database: Database, media: MediaStore, booth_requests: AllBooths) -> None:
        self._database = database
        self._media = media
        self._booth_requests = booth_requests

    async def state(self) -> EventState:
        """What is here, and what of it is in no archive yet."""
        async with self._database.session() as session:
            title = (await AppSettingsRepository(session).operator_settings()).event_title
            return await EventRepository(session).state(title, utcnow())

    async def export(self, who: Principal) -> Archive:
        """Every guest's picture that is there, hidden ones apart, every kept photo, and ``pictures.csv``
        with what the booths sent along. They count as exported when the last byte was taken. Raises
        ``StorageFull`` while their disk is away.
        """
        now = utcnow()
        async with self._database.session() as session:
            title = (await AppSettingsRepository(session).operator_settings()).event_title
            jobs = EventRepository(session)
            table = EventTable(await jobs.sent_names(now), await jobs.currencies(now))
        await asyncio.to_thread(self._media.require_disk)
        name = f"{title_for_names(title)}-{now:%Y-%m-%d-%H%M}.zip"
        return Archive(name, self._sent(table, title, now, who))

    async def _sent(
        self, table: EventTable, title: str, now: datetime, who: Principal
    ) -> AsyncIterator[bytes]:
        sent = _JobPages(self._database, now, asyncio.get_running_loop())
        async for chunk in iterate_in_threadpool(zipped(entries(sent, table, title, self._media, now))):
            yield chunk
        for start in range(0, len(sent.job_ids), _PAGE):
            async with self._database.session() as session:
                page = [uuid.UUID(int=one) for one in sent.job_ids[start : start + _PAGE]]
                await EventRepository(session).mark_exported(page, utcnow())
        async with self._database.session() as session:
            AccountRepository(session).record_by(
                who, "event.exported", pictures=sent.pictures, photos=sent.photos
            )
        log.info("event.exported", account=who.username, pictures=sent.pictures, photos=sent.photos)

    async def wipe(self, request: WipeRequest, who: Principal) -> WipeReport:
        """Remove every picture, photo and gallery, and what rows say of guests; figures stay.

        Raises ``ValidationFailed`` without the confirmation, ``EventNotExported`` for pictures and
        photos that are in no archive, unless those shall go too. It can be repeated after a failure.
        """
        if request.confirm != CONFIRMATION:
            raise ValidationFailed(
                fields={"confirm": Message("must be %(choice)s", choice=repr(CONFIRMATION))}
            )
        if not request.even_not_exported:
            await self._require_export()
        report, after = WipeReport(), None
        while True:
            async with self._database.session() as session:
                rows = EventRepository(session)
                report.still_running = await rows.count_running()  # first: one that ends now is found below
                jobs = await rows.to_wipe(
                    utcnow(), after, _BATCH, even_not_exported=request.even_not_exported
                )
            if not jobs and after is None:
                break
            if not jobs:
                after = None  # once more from the first one on: some may have ended behind us
                continue
            await asyncio.to_thread(self._remove_files, jobs, report)
            async with self._database.session() as session:
                await JobRepository(session).forget([job.job_id for job in jobs], utcnow())
            report.rows += len(jobs)
            after = jobs[-1].created_at, jobs[-1].job_id
        await self._booth_requests.forget()  # they hold what guests said of themselves
        await self._close_up(report, who)
        return report

    async def _require_export(self) -> None:
        async with self._database.session() as session:
            count = await EventRepository(session).count_not_exported(utcnow())
        if count:
            raise EventNotExported(
                Message.counted(
                    "%(n)s picture or photo has not been exported yet. Export the event first.",
                    "%(n)s pictures or photos have not been exported yet. Export the event first.",
                    n=count,
                )
            )

    def _remove_files(self, jobs: Sequence[JobHistory], report: WipeReport) -> None:
        for job in jobs:
            removed = self._media.remove_results(job.job_id)  # also what a crash left and no row names
            photo = self._media.remove(job.source_key) if job.source_key else 0
            report.pictures += removed > 0
            report.photos += photo > 0
            report.freed_bytes += removed + photo + self._media.forget(job.job_id)

    async def _close_up(self, report: WipeReport, who: Principal) -> None:
        async with self._database.session() as session:
            rows = EventRepository(session)
            report.galleries = await rows.remove_galleries()
            report.not_exported = await rows.count_not_exported(utcnow())
            AccountRepository(session).record_by(who, "event.wiped", **report.model_dump())
        log.warning("event.wiped", account=who.username, **report.model_dump())
