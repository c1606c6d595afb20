"""A selection of results, or all of an event's, as one ZIP for those who are logged in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import chain

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.errors import ResultNotFound
from appliance.core.language import Message
from appliance.core.threads import pages_for_thread
from appliance.guests.service import friendly_name, title_for_names
from appliance.guests.zipping import Archive, ArchiveEntry, zipped
from appliance.media.store import MediaStore
from appliance.settings.operator import AppSettingsRepository
from appliance.staff.jobs.search import JobFilter, StoredResult, stored_results

_PAGE = 500  # rows


class StaffArchive:
    """Packs results while they are sent, page by page."""

    def __init__(self, database: Database, media: MediaStore) -> None:
        self._database = database
        self._media = media

    async def open(self, wanted: JobFilter) -> Archive:
        """All results that fit and are there, the newest first; raises ``ResultNotFound`` for none, and
        ``StorageFull`` while their disk is away.

        No database session is held while it is sent; a file that goes meanwhile is left out.
        """
        async with self._database.session() as session:
            title = (await AppSettingsRepository(session).operator_settings()).event_title
            if not await stored_results(session, wanted, None, 1):
                raise ResultNotFound(Message("There is no picture to download here."))
        await asyncio.to_thread(self._media.require_disk)

        async def page(last: StoredResult | None) -> list[StoredResult]:
            async with self._database.session() as session:
                return await stored_results(session, wanted, last, _PAGE)

        found = pages_for_thread(page, asyncio.get_running_loop())
        name = f"{title_for_names(title)}-{utcnow():%Y-%m-%d-%H%M%S}.zip"
        return Archive(name, zipped(self._entries(found, title)))

    def _entries(self, found: Iterator[Sequence[StoredResult]], title: str) -> Iterator[ArchiveEntry]:
        for one in chain.from_iterable(found):
            name = friendly_name(title, one.created_at, one.media_type)
            yield ArchiveEntry(name, one.created_at, self._media.path(one.key))
