"""What somebody pressed: silence for a time, and that an event runs until then. Rows of ``app_settings``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, select

from appliance.core.clock import utcnow
from appliance.core.db import Repository
from appliance.jobs.models import JobHistory
from appliance.settings.operator import AppSettingsRepository

SILENCE, EVENT = "alerts_silence", "event_watch"
LIVELY = timedelta(minutes=30)  # after a booth's photo an event runs, whether or not somebody said so


@dataclass(frozen=True, slots=True)
class Period:
    """From when until when, and who said so."""

    since: datetime
    until: datetime
    by: str

    def holds(self, now: datetime) -> bool:
        """Whether it has not ended."""
        return self.since <= now < self.until


class Periods(Repository):
    """Reads and writes both spans inside the caller's session."""

    async def silence(self) -> Period | None:
        """The silence that holds now."""
        return await self._get(SILENCE)

    async def event(self) -> Period | None:
        """The event that somebody said runs now."""
        return await self._get(EVENT)

    async def event_runs(self) -> bool:
        """Whether somebody said so, or a booth posted lately."""
        if await self.event() is not None:
            return True
        lately = exists().where(JobHistory.created_at > utcnow() - LIVELY, JobHistory.source == "ingest")
        return bool(await self._session.scalar(select(lately)))

    async def put(self, key: str, length: timedelta, by: str) -> Period | None:
        """Begin now and end after ``length``; nothing: end it."""
        now = utcnow()
        period = Period(now, now + length, by) if length else None
        value = {"since": now.isoformat(), "until": (now + length).isoformat()} if period else {}
        await AppSettingsRepository(self._session).put(key, value, by=by)
        return period

    async def _get(self, key: str) -> Period | None:
        row = await AppSettingsRepository(self._session).get(key)
        if row is None or not isinstance(row.value, dict):
            return None
        value: dict[str, Any] = row.value
        try:
            period = Period(
                datetime.fromisoformat(value["since"]), datetime.fromisoformat(value["until"]), row.updated_by
            )
        except (KeyError, TypeError, ValueError):
            return None
        return period if period.holds(utcnow()) else None
