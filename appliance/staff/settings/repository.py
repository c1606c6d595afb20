"""Questions about settings and results, inside the caller's session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select, text, update

from appliance.core.db import Repository
from appliance.jobs.locks import lock_jobs
from appliance.jobs.models import JobHistory, JobStatus
from appliance.settings.operator import AppSetting

_LOCK_KEY = 0x50_43_53_54  # "PCST": one change of settings after the other


@dataclass(frozen=True, slots=True)
class ExpiryCounts:
    """How many results expire until each of the given moments (each counted once), and later."""

    until: Sequence[int]
    later: int
    first: datetime | None
    last: datetime | None


class SettingsRepository(Repository):
    """``app_settings`` as a whole, and the results that a TTL concerns."""

    async def lock(self) -> None:
        """Let other changes wait until this transaction ends."""
        await self._session.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})

    async def rows(self) -> dict[str, AppSetting]:
        """Every row by its key, as it is now."""
        found = await self._session.scalars(select(AppSetting).execution_options(populate_existing=True))
        return {row.key: row for row in found}

    async def newest_attempt_refused(self, provider: str, reason: str, since: datetime) -> bool:
        """Whether the newest job that asked ``provider`` since then had an attempt fail for ``reason``."""
        asked = JobHistory.attempts.contains([{"provider": provider}])
        newest = (
            select(JobHistory.attempts.contains([{"provider": provider, "reason": reason}]))
            .where(JobHistory.created_at > since, asked)
            .order_by(JobHistory.created_at.desc())
            .limit(1)
        )
        return bool(await self._session.scalar(newest))

    async def apply_ttl(self, ttl: timedelta) -> int:
        """Give results that can still be fetched ``ttl`` from when they were made; returns how many."""
        await lock_jobs(self._session)
        return await self._changed(
            update(JobHistory)
            .where(*_fetchable())
            .values(result_expires_at=JobHistory.finished_at + ttl)
            .execution_options(synchronize_session=False)
        )

    async def expiries(self, ttl: timedelta | None, moments: Sequence[datetime]) -> ExpiryCounts:
        """When the results that can still be fetched expire: with ``ttl``, or as they are (``None``)."""
        expires = JobHistory.result_expires_at if ttl is None else JobHistory.finished_at + ttl
        columns: list[ColumnElement[Any]] = [func.count().filter(expires <= moment) for moment in moments]
        found = (
            await self._session.execute(
                select(*columns, func.count(), func.min(expires), func.max(expires)).where(*_fetchable())
            )
        ).one()
        *until, total, first, last = found
        each = [count - before for count, before in zip(until, [0, *until[:-1]], strict=True)]
        return ExpiryCounts(each, total - sum(each), first, last)


def _fetchable() -> list[ColumnElement[bool]]:
    return [
        JobHistory.status == JobStatus.DONE,
        JobHistory.cleaned_at.is_(None),
        JobHistory.result_expires_at > func.now(),
    ]
