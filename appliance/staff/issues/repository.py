"""Reads and writes issues inside the caller's session."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from appliance.core.db import Repository
from appliance.staff.issues.findings import SEVERITIES, Finding
from appliance.staff.issues.models import Issue

KEPT_FOR = timedelta(days=90)  # after they were over


class IssueRepository(Repository):
    """The table ``issue``."""

    async def open_issues(self) -> Sequence[Issue]:
        """Those that are not over, the worst first and the oldest of them; ignored ones too."""
        worst = case({name: number for number, name in enumerate(SEVERITIES)}, value=Issue.severity)
        query = select(Issue).where(Issue.closed_at.is_(None)).order_by(worst, Issue.opened_at, Issue.id)
        return (await self._session.scalars(query)).all()

    async def get(self, issue_id: int) -> Issue | None:
        """One issue, or ``None``."""
        return await self._session.get(Issue, issue_id)

    async def open(self, finding: Finding, opened_at: datetime, closed_at: datetime | None) -> Issue | None:
        """A new issue; ``None`` where one of its key is open. It is ignored if the one before still is."""
        before = (
            await self._session.execute(
                select(Issue.ignored_until, Issue.ignored_by)
                .where(Issue.key == finding.key, Issue.ignored_until > func.now())
                .order_by(Issue.id.desc())
                .limit(1)
            )
        ).one_or_none()
        added = (
            insert(Issue)
            .values(
                key=finding.key,
                code=finding.code,
                opened_at=opened_at,
                closed_at=closed_at,
                ignored_until=before.ignored_until if before else None,
                ignored_by=before.ignored_by if before else None,
                **finding.columns(),
            )
            .on_conflict_do_nothing(index_elements=["key"], index_where=Issue.closed_at.is_(None))
            .returning(Issue)
        )
        return cast("Issue | None", await self._session.scalar(added))

    async def close(self, key: str) -> Issue | None:
        """The issue is over; ``None`` where none of this key is open."""
        over = (
            update(Issue)
            .where(Issue.key == key, Issue.closed_at.is_(None))
            .values(closed_at=func.now())
            .returning(Issue)
        )
        return cast("Issue | None", await self._session.scalar(over))

    async def seen(self, finding: Finding) -> None:
        """It is still the case, perhaps otherwise than before."""
        await self._session.execute(
            update(Issue)
            .where(Issue.key == finding.key, Issue.closed_at.is_(None))
            .values(seen_at=func.now(), **finding.columns())
        )

    async def forget_old(self) -> None:
        """Remove what has been over for long."""
        await self._session.execute(delete(Issue).where(Issue.closed_at < func.now() - KEPT_FOR))

    async def counted(self) -> dict[str, int]:
        """How many are open and not ignored, by severity."""
        query = (
            select(Issue.severity, func.count())
            .where(Issue.closed_at.is_(None), (Issue.ignored_until > func.now()).is_not(True))
            .group_by(Issue.severity)
        )
        found = {row[0]: int(row[1]) for row in await self._session.execute(query)}
        return {severity: found.get(severity, 0) for severity in SEVERITIES}
