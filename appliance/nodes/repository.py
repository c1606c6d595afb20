"""The rows of machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text, update

from appliance.core.db import Repository
from appliance.nodes.models import Node

SILENT_AFTER = 10.0  # seconds; it says something every two

# Not where another machine has said so lately that it is this one.
_SAY = text("""
insert into node as known (number, host, mark, version, secrets, clock_ahead, database_ms, problem, ended,
    seen_at)
values (:number, :host, :mark, :version, :secrets, :clock_ahead, :database_ms, :problem, false,
    clock_timestamp())
on conflict (number) do update set
    host = excluded.host,
    mark = case when known.host = excluded.host then known.mark else excluded.mark end,
    version = excluded.version, secrets = excluded.secrets, clock_ahead = excluded.clock_ahead,
    database_ms = excluded.database_ms, problem = excluded.problem, ended = false,
    seen_at = excluded.seen_at
    where known.host = excluded.host or known.ended
        or known.seen_at < clock_timestamp() - make_interval(secs => :silent)
returning mark
""")


@dataclass(frozen=True, slots=True)
class Seen:
    """A machine's row, and how long ago it was written."""

    row: Node
    seconds: float

    @property
    def is_silent(self) -> bool:
        """Whether it should have said something since; also one that has ended."""
        return self.seconds > SILENT_AFTER or self.row.ended


class NodeRepository(Repository):
    """Reads and writes them in one session."""

    async def say(self, **said: Any) -> str | None:
        """Write a machine's row; its mark, or ``None`` where another machine has its number."""
        mark: str | None = await self._session.scalar(_SAY, {**said, "silent": SILENT_AFTER})
        return mark

    async def ended(self, number: int, host: str) -> None:
        """It ends by itself, so that the next one with its number need not wait."""
        await self._session.execute(
            update(Node).where(Node.number == number, Node.host == host).values(ended=True)
        )

    async def lost(self, numbers: Sequence[int]) -> Sequence[int]:
        """Note of these machines that they have gone without a word, if so; each is told of once."""
        silent = text("clock_timestamp() - make_interval(secs => :silent)").bindparams(silent=SILENT_AFTER)
        found = await self._session.scalars(
            update(Node)
            .where(Node.number.in_(numbers), Node.ended.is_(False), Node.seen_at < silent)
            .values(ended=True)
            .returning(Node.number)
        )
        return found.all()

    async def all(self) -> list[Seen]:
        """Every machine, by its number."""
        age = func.extract("epoch", func.clock_timestamp() - Node.seen_at)
        found = await self._session.execute(select(Node, age).order_by(Node.number))
        return [Seen(row, float(seconds)) for row, seconds in found]

    async def clock(self) -> datetime:
        """What the database's clock says."""
        found: datetime = (await self._session.execute(select(func.clock_timestamp()))).scalar_one()
        return found
