"""Reading the audit log, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from appliance.accounts.models import AuditLog
from appliance.core.db import Database


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are wanted; ``None`` means any. ``since`` is inclusive, ``until`` is not.

    ``action`` also finds the actions beneath it, ``actor`` what the account's API tokens did.
    """

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
        query = select(AuditLog).order_by(AuditLog.id.desc()).limit(limit + 1)
        if wanted.actor is not None:
            by_token = AuditLog.actor.startswith("token ") & AuditLog.actor.endswith(
                f" of {wanted.actor}", autoescape=True
            )
            query = query.where((AuditLog.actor == wanted.actor) | by_token)
        if wanted.action is not None:
            beneath = AuditLog.action.startswith(f"{wanted.action}.", autoescape=True)
            query = query.where((AuditLog.action == wanted.action) | beneath)
        if wanted.since is not None:
            query = query.where(AuditLog.at >= wanted.since)
        if wanted.until is not None:
            query = query.where(AuditLog.at < wanted.until)
        if cursor is not None:
            query = query.where(AuditLog.id < cursor)
        async with self._database.session() as session:
            found = (await session.scalars(query)).all()
        entries = found[:limit]
        return AuditPage(entries, entries[-1].id if len(found) > limit else None)
