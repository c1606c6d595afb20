"""Reading the audit log, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from appliance.accounts.models import AuditLog
from appliance.accounts.repository import AccountRepository
from appliance.core.db import Database


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are wanted; ``None`` means any. ``since`` is inclusive, ``until`` is not."""

    actor: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, the newest first, and where the next page goes on."""

    entries: Sequence[AuditLog]
    next_cursor: int | None


class AuditTrail:
    """Who changed what, from where, and when."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, wanted: AuditFilter, *, limit: int, cursor: int | None = None) -> AuditPage:
        """The ``limit`` entries before ``cursor``; new entries do not shift the pages."""
        async with self._database.session() as session:
            found = await AccountRepository(session).audit(
                actor=wanted.actor,
                action=wanted.action,
                since=wanted.since,
                until=wanted.until,
                before_id=cursor,
                limit=limit + 1,
            )
        entries = found[:limit]
        return AuditPage(entries, entries[-1].id if len(found) > limit else None)
