"""What leaves the history with time, run after run: guests' answers, and whole rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.jobs.retention import HistoryRetention
from appliance.settings.operator import AppSettingsRepository, OperatorSettings

Step = Callable[[HistoryRetention], Awaitable[int]]


class OldHistory:
    """Empties and removes rows as the operator's settings say, in short transactions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def forget_answers(self, *, dry_run: bool) -> int:
        """What guests said of themselves goes; in how many rows."""
        settings, now = await self._settings(), utcnow()
        keep, ttl = timedelta(days=settings.keep_answers_days), timedelta(hours=settings.result_ttl_hours)
        if dry_run:
            return await self._once(lambda rows: rows.count_answers(now, keep, ttl))
        await self._repeat(lambda rows: rows.forget_digests())
        return await self._repeat(lambda rows: rows.forget_answers(now, keep, ttl))

    async def remove_old(self, *, dry_run: bool) -> int:
        """Jobs that have been in the history long enough go; how many."""
        before = utcnow() - timedelta(days=(await self._settings()).keep_history_days)
        if dry_run:
            return await self._once(lambda rows: rows.count_old(before))
        return await self._repeat(lambda rows: rows.remove_old(before))

    async def _settings(self) -> OperatorSettings:
        async with self._database.session() as session:
            return await AppSettingsRepository(session).operator_settings()

    async def _once(self, step: Step) -> int:
        async with self._database.session() as session:
            return await step(HistoryRetention(session))

    async def _repeat(self, step: Step) -> int:
        total = 0
        while changed := await self._once(step):
            total += changed
        return total
