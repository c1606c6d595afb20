"""Reads and writes pre-flights inside the caller's session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from appliance.core.db import Repository
from appliance.staff.preflight.models import LOST_AFTER, Preflight

KEPT = 20

_LOST = and_(
    Preflight.finished_at.is_(None),
    or_(Preflight.seen_at < func.now() - LOST_AFTER, Preflight.seen_at > func.now() + LOST_AFTER),
)


class PreflightRepository(Repository):
    """The table ``preflight``."""

    async def last(self) -> Preflight | None:
        """The newest one, whether or not it has ended."""
        return (await self._session.scalars(select(Preflight).order_by(Preflight.id.desc()).limit(1))).first()

    async def last_whole(self) -> Preflight | None:
        """The newest that came to its end."""
        ended = select(Preflight).where(Preflight.finished_at.is_not(None), ~Preflight.interrupted)
        return (await self._session.scalars(ended.order_by(Preflight.id.desc()).limit(1))).first()

    async def get(self, run_id: int) -> Preflight | None:
        """One of them, as it is now."""
        return await self._session.get(Preflight, run_id, populate_existing=True)

    async def ask(self, *, by: str, paid: bool, base: str | None) -> Preflight:
        """A new one, or the one that is under way."""
        await self._end_lost()
        added = (
            insert(Preflight)
            .values(asked_by=by, paid=paid, base=base)
            .on_conflict_do_nothing()
            .returning(Preflight)
        )
        made = cast("Preflight | None", await self._session.scalar(added))
        if made is not None:
            await self._forget_old()
            return made
        under_way = select(Preflight).where(Preflight.finished_at.is_(None))
        return (await self._session.scalars(under_way)).one()

    async def take(self) -> Preflight | None:
        """The one that nobody has taken up yet."""
        await self._end_lost()
        taken = (
            update(Preflight)
            .where(Preflight.finished_at.is_(None), Preflight.started_at.is_(None))
            .values(started_at=func.now(), seen_at=func.now())
            .returning(Preflight)
        )
        return cast("Preflight | None", await self._session.scalar(taken))

    async def progress(self, run_id: int, **values: Any) -> None:
        """A sign of life, and what has changed."""
        await self._session.execute(
            update(Preflight).where(Preflight.id == run_id).values(seen_at=func.now(), **values)
        )

    async def finish(self, run_id: int, checks: Sequence[dict[str, Any]], *, interrupted: bool) -> None:
        """It is over."""
        await self.progress(
            run_id, checks=list(checks), group=None, finished_at=func.now(), interrupted=interrupted
        )

    async def withdraw(self, run_id: int) -> bool:
        """Whether nobody had taken it up: then it is gone."""
        gone = delete(Preflight).where(Preflight.id == run_id, Preflight.started_at.is_(None))
        return (await self._session.execute(gone.returning(Preflight.id))).first() is not None

    async def _end_lost(self) -> None:
        await self._session.execute(
            update(Preflight).where(_LOST).values(finished_at=Preflight.seen_at, interrupted=True, group=None)
        )

    async def _forget_old(self) -> None:
        kept = select(Preflight.id).order_by(Preflight.id.desc()).limit(KEPT)
        await self._session.execute(
            delete(Preflight).where(Preflight.id.not_in(kept), Preflight.finished_at.is_not(None))
        )
