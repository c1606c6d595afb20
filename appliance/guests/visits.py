"""A visit: the pictures that one guest, or one group, took in a row.

A booth marks them with a field that is the same for all. Where it does not, an operator's rule may:
pictures of one slot with no longer pause in between than so many seconds are one visit. Either way they are
of one booth, which its network address tells from another: booths count alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise, takewhile

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.errors import ResultNotFound
from appliance.guests.repository import Neighbour, ResultRepository
from appliance.guests.service import LinkState, friendly_name, state_of, title_for_names
from appliance.guests.tokens import GuestTokens, Visit
from appliance.guests.zipping import ArchiveEntry
from appliance.jobs.models import JobHistory
from appliance.media.store import MediaStore
from appliance.settings.operator import OperatorSettings
from appliance.settings.recent import RecentSettings

SPAN = timedelta(hours=12)  # booths count anew: the same mark on another day is another visit
LONGEST_ROW = timedelta(hours=2)  # of pictures that only the pauses between them make one visit
_BY_PAUSE = ""  # stands for the field where there is none; the value is the slot


@dataclass(frozen=True, slots=True)
class VisitPictures:
    """The pictures of a visit that are there now, the first one first."""

    jobs: Sequence[JobHistory]
    settings: OperatorSettings


class Visits:
    """Finds the pictures of a visit."""

    def __init__(
        self, database: Database, media: MediaStore, tokens: GuestTokens, settings: RecentSettings
    ) -> None:
        self._database = database
        self._media = media
        self._tokens = tokens
        self._settings = settings

    async def visit_of(self, job: JobHistory, settings: OperatorSettings) -> tuple[str, int] | None:
        """The token of a job's visit and how many pictures it has; ``None`` if it is the only one, or if
        the visit's mark is too long for a link.
        """
        field = settings.visit_field
        value = str(job.request_fields.get(field) or job.query_fields.get(field) or "") if field else ""
        if value:
            async with self._database.session() as session:
                jobs = await ResultRepository(session).of_visit(
                    Visit(field, value, job.booth, job.created_at), SPAN, utcnow()
                )
            first, count = jobs[0].created_at if jobs else None, len(jobs)
        elif settings.visit_pause_seconds and job.source == "ingest":
            field, value = _BY_PAUSE, job.slot_id
            row = await self._row_around(job, timedelta(seconds=settings.visit_pause_seconds))
            first, count = row[0].created_at, sum(one.seen for one in row)
        else:
            return None
        if first is None or count < 2:
            return None
        token = self._tokens.visit(Visit(field, value, job.booth, first))
        return (token, count) if token else None

    async def _row_around(self, job: JobHistory, pause: timedelta) -> list[Neighbour]:
        """``job`` and those of its booth and slot before and after it with no longer pauses in between."""
        now = utcnow()
        itself = Neighbour(job.created_at, bool(_to_see([job])))
        async with self._database.session() as session:
            results = ResultRepository(session)
            before = await results.neighbours(job, LONGEST_ROW, now, after=False)
            after = await results.neighbours(job, LONGEST_ROW, now, after=True)
        earlier = _unbroken([one.created_at for one in (itself, *before)], pause) - 1
        later = _unbroken([one.created_at for one in (itself, *after)], pause) - 1
        return [*before[:earlier][::-1], itself, *after[:later]]

    async def pictures(self, token: str) -> VisitPictures:
        """The pictures of a visit; raises ``ResultNotFound`` for an unknown token or when all have gone."""
        visit = self._tokens.read_visit(token)
        if visit is None:
            raise ResultNotFound
        settings = await self._settings.operator_settings()
        async with self._database.session() as session:
            results = ResultRepository(session)
            if visit.field == _BY_PAUSE:
                pause = timedelta(seconds=settings.visit_pause_seconds)
                row = await results.of_slot(visit.value, visit.booth, visit.since, visit.since + LONGEST_ROW)
                together = _unbroken([one.created_at for one in row], pause) if pause else 0
                jobs: Sequence[JobHistory] = _to_see(row[:together])
            else:
                jobs = await results.of_visit(visit, SPAN, utcnow())
        if not jobs:
            raise ResultNotFound
        return VisitPictures(jobs, settings)

    async def archive(self, token: str) -> tuple[str, list[ArchiveEntry]]:
        """The name of a visit's archive and what is in it; raises like ``pictures``, and ``StorageFull``."""
        visit = await self.pictures(token)
        await asyncio.to_thread(self._media.require_disk)
        title = visit.settings.event_title
        entries = [
            ArchiveEntry(
                friendly_name(title, job.created_at, job.media_type),
                job.created_at,
                self._media.path(job.result_key or ""),
            )
            for job in visit.jobs
        ]
        return f"{title_for_names(title)}-{visit.jobs[0].created_at:%Y-%m-%d-%H%M}.zip", entries


def _unbroken(times: Sequence[datetime], pause: timedelta) -> int:
    """How many there are from the first one on, up to the first longer pause."""
    following = takewhile(lambda two: abs(two[1] - two[0]) <= pause, pairwise(times))
    return len(times[:1]) + sum(1 for _ in following)


def _to_see(jobs: Sequence[JobHistory]) -> list[JobHistory]:
    """Those that guests may see."""
    now = utcnow()
    return [job for job in jobs if job.hidden_at is None and state_of(job, now) is LinkState.READY]
