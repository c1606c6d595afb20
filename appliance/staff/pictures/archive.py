"""A selection of results, or all of an event's, as one ZIP for those who are logged in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.errors import ResultNotFound
from appliance.guests.service import friendly_name, title_for_names
from appliance.guests.zipping import Entry, zipped
from appliance.media.store import MediaStore
from appliance.settings.operator import AppSettingsRepository
from appliance.staff.jobs.search import JobFilter, stored_results


@dataclass(frozen=True, slots=True)
class Archive:
    """A ZIP file that can be sent: its name, and its bytes once, in pieces. Blocking: for a thread."""

    name: str
    chunks: Iterator[bytes]


class StaffArchive:
    """Packs results while they are sent; only their names and keys are held in memory."""

    def __init__(self, database: Database, media: MediaStore) -> None:
        self._database = database
        self._media = media

    async def open(self, wanted: JobFilter) -> Archive:
        """All results that fit and are there, the newest first; raises ``ResultNotFound`` for none.

        No database session is held while it is sent; a file that goes meanwhile is left out.
        """
        async with self._database.session() as session:
            title = (await AppSettingsRepository(session).operator_settings()).event_title
            found = await stored_results(session, wanted)
        if not found:
            raise ResultNotFound("There is no picture to download here.")
        name = f"{title_for_names(title)}-{utcnow():%Y-%m-%d-%H%M%S}.zip"
        return Archive(name, zipped(self._entries(found, title)))

    def _entries(self, found: Sequence[tuple[str, str, datetime]], title: str) -> Iterator[Entry]:
        for key, media_type, at in found:
            yield Entry(friendly_name(title, at, media_type), at, self._media.path(key))
