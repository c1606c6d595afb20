"""What leaves ``job_history`` with time: what guests said of themselves, and the rows themselves.

Each call changes so many rows at most and tells how many: a caller goes on until there are none.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    and_,
    delete,
    func,
    literal_column,
    or_,
    select,
    text,
    update,
)

from appliance.core.db import Repository
from appliance.jobs.locks import lock_jobs
from appliance.jobs.models import HAS_SHA1, SAYS_SOMETHING, JobHistory, JobStatus

BATCH = 5000

# A provider's own words may repeat a prompt, and in it a guest's name.
WITHOUT_DETAILS = text(
    "coalesce((select jsonb_agg(case jsonb_typeof(one) when 'object' then one - 'detail' else one end)"
    " from jsonb_path_query(attempts, '$[*]') one), '[]')"
)
_ENDED = JobHistory.status != JobStatus.PENDING
_DELIVERED = JobHistory.status == JobStatus.DONE
_NO_FILES = and_(JobHistory.source_key.is_(None), or_(~_DELIVERED, JobHistory.cleaned_at.is_not(None)))
# As the indexes of such rows say it: PostgreSQL would not know a parameter again.
_SAYS_SOMETHING = literal_column(f"({SAYS_SOMETHING})", Boolean)
_HAS_SHA1 = literal_column(HAS_SHA1, Boolean)


class HistoryRetention(Repository):
    """Empties and removes old rows inside the caller's session."""

    async def forget_answers(self, now: datetime, keep: timedelta, ttl: timedelta) -> int:
        """Empty what booths sent along with photos: names, addresses, answers to surveys.

        ``keep`` after the photo; where it is 0, when its picture and its kept photo have gone. A job
        without a picture counts as if it had had one for ``ttl``.
        """
        return await self._change(_SAYS_SOMETHING, *_due(now, keep, ttl))

    async def count_answers(self, now: datetime, keep: timedelta, ttl: timedelta) -> int:
        """How many rows ``forget_answers`` would empty."""
        return await self._count(_SAYS_SOMETHING, *_due(now, keep, ttl))

    async def forget_digests(self) -> int:
        """Blank the SHA-1 that versions before 0009 kept of every photo."""
        return await self._change(_HAS_SHA1, only={"upload_sha1": ""})

    async def remove_old(self, before: datetime) -> int:
        """Remove jobs that began before ``before`` and have no files any more."""
        old = select(JobHistory.job_id).where(*_old(before)).limit(BATCH)
        return await self._done(delete(JobHistory).where(JobHistory.job_id.in_(old)))

    async def count_old(self, before: datetime) -> int:
        """How many jobs ``remove_old`` would remove."""
        return await self._count(*_old(before))

    async def _change(self, *which: ColumnElement[bool], only: dict[str, Any] | None = None) -> int:
        found = select(JobHistory.job_id).where(*which).limit(BATCH)
        values = only or {
            "request_fields": {}, "query_fields": {}, "upload_name": "", "attempts": WITHOUT_DETAILS,
        }  # fmt: skip
        return await self._done(update(JobHistory).where(JobHistory.job_id.in_(found)).values(**values))

    async def _done(self, statement: Any) -> int:
        plain = statement.execution_options(synchronize_session=False)
        await lock_jobs(self._session)
        return await self._changed(plain)

    async def _count(self, *which: ColumnElement[bool]) -> int:
        return (await self._session.scalar(select(func.count()).where(*which))) or 0


def _due(now: datetime, keep: timedelta, ttl: timedelta) -> list[ColumnElement[bool]]:
    if keep:
        return [_ENDED, JobHistory.created_at < now - keep]
    return [_ENDED, _NO_FILES, or_(_DELIVERED, JobHistory.finished_at < now - ttl)]


def _old(before: datetime) -> list[ColumnElement[bool]]:
    return [_ENDED, _NO_FILES, JobHistory.created_at < before]
