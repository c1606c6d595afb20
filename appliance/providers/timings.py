"""How long a route takes: measured, kept in memory for deciding and in the database for restarts."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from appliance.core.db import Database
from appliance.core.late_writes import LateWrites
from appliance.providers.models import RouteTiming

SAMPLES = 100  # how many of the newest are kept
ENOUGH = 10  # with fewer, the driver's own estimate counts
_SPREAD = {0.5: 1.0, 0.9: 1.4, 0.95: 1.6}  # how estimates spread around the typical time


class RouteTimings:
    """Percentiles of how long each route took; a stall counts with the time after which it was given up."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seconds: dict[str, deque[float]] = {}
        self._writes = LateWrites(self._write, "timing.not_kept")
        self._loaded = False

    async def load(self) -> None:
        """Take up, once, what was measured before a restart; it is older than what is known already."""
        async with self._database.session() as session:
            rows = (await session.execute(select(RouteTiming.route, RouteTiming.seconds))).all()
        if self._loaded:
            return
        for route, seconds in rows:
            newer = self._seconds.pop(route, ())
            self.remember(route, [*seconds, *newer])
        self._loaded = True

    def remember(self, route: str, seconds: Iterable[float]) -> None:
        """Add samples in memory only."""
        self._seconds.setdefault(route, deque(maxlen=SAMPLES)).extend(seconds)

    def measured(self, route: str) -> bool:
        """Whether there are enough samples to trust."""
        return len(self._seconds.get(route, ())) >= ENOUGH

    def percentile(self, route: str, share: float, estimate: float) -> float:
        """The time within which ``share`` (0.5, 0.9 or 0.95) of the attempts end, in seconds.

        ``estimate`` is the driver's own typical time, used until enough was measured.
        """
        if not self.measured(route):
            return estimate * _SPREAD[share]
        ordered = sorted(self._seconds[route])
        return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]

    def record(self, route: str, seconds: float) -> None:
        """Add a measurement, in memory at once; the database gets it when it can, and nobody waits."""
        self.remember(route, [seconds])
        self._writes.add(route)

    async def _write(self, route: str) -> None:
        if not self._loaded:  # the database was away at the start: nothing it holds may be written over
            await self.load()
        statement = insert(RouteTiming).values(route=route, seconds=list(self._seconds[route]))
        async with self._database.session() as session:
            await session.execute(
                statement.on_conflict_do_update(
                    index_elements=[RouteTiming.route],
                    set_={"seconds": statement.excluded.seconds, "updated_at": func.now()},
                )
            )

    async def aclose(self) -> None:
        """Wait a moment for what is being written, then leave it."""
        await self._writes.aclose()
