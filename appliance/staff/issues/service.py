"""Reads the list for people and programs, and lets somebody have an issue ignored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from appliance.accounts.permissions import Principal
from appliance.accounts.repository import AccountRepository
from appliance.core.clock import stamp
from appliance.core.db import Database
from appliance.core.errors import NotFound
from appliance.staff.issues.models import Issue
from appliance.staff.issues.repository import IssueRepository


class Issues:
    """What is open."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_issues(self) -> Sequence[Issue]:
        """Those that are not over, the worst first; ignored ones too."""
        async with self._database.session() as session:
            return await IssueRepository(session).open_issues()

    async def ignore(self, issue_id: int, until: datetime | None, who: Principal) -> Issue:
        """Tell nobody of it before ``until``; ``None``: tell again. Raises ``NotFound`` if it is over."""
        async with self._database.session() as session:
            issue = await IssueRepository(session).get(issue_id)
            if issue is None or issue.closed_at is not None:
                raise NotFound
            issue.ignored_until = until
            issue.ignored_by = who.username if until else None
            AccountRepository(session).record_by(
                who,
                "issue.ignored" if until else "issue.told_again",
                issue.key,
                **({"until": stamp(until)} if until else {}),
            )
        return issue
