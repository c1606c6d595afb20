#!/usr/bin/env python3
"""What a permit costs where several processes share it: a seat taken and given back while thirty photos wait.

    python scripts/bench/seats.py [--seconds 5]

Two gates in this process stand for two processes of the app, fifteen photos at each, for two seats, on a
PostgreSQL of its own. Milliseconds. The floor is the median of `select 1` in a session of the same kind
while nobody else asks.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.engine import make_url

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from appliance.core.clock import Deadline
from appliance.core.db import Database
from appliance.ingest.seats import Seats, SharedGate
from scripts.bench._figures import Figures
from tests.support.stack import running_stack

T = TypeVar("T")
PHOTOS, SEATS, HELD = 15, 2, 0.02


class TimedSeats(Seats):
    """Notes how many ms each question took."""

    def __init__(self, database: Database, process: int) -> None:
        super().__init__(database, process)
        self.taking: list[float] = []
        self.giving: list[float] = []

    async def take(self, name: str, limit: int, seconds: float, holder: uuid.UUID) -> int | None:
        return await timed(super().take(name, limit, seconds, holder), self.taking)

    async def give_back(self, name: str, seat: int, holder: uuid.UUID) -> None:
        await timed(super().give_back(name, seat, holder), self.giving)


async def timed(work: Awaitable[T], found: list[float]) -> T:
    since = time.perf_counter()
    done = await work
    found.append((time.perf_counter() - since) * 1000)
    return done


async def floor_of(database: Database) -> float:
    """The median of a trivial question."""

    async def ask() -> None:
        async with database.session() as session:
            await session.execute(text("select 1"))

    found: list[float] = []
    for _ in range(300):
        await timed(ask(), found)
    return statistics.median(found)


async def measure(url: str, seconds: float) -> None:
    databases = [Database(make_url(url)) for _ in range(2)]
    seats = [TimedSeats(database, number) for number, database in enumerate(databases, 1)]
    floor = await floor_of(databases[0])
    end, waits = time.monotonic() + seconds, list[float]()

    async def photo(gate: SharedGate) -> None:
        while time.monotonic() < end:
            since = time.monotonic()
            async with gate.enter("slot", SEATS, Deadline.after(60)):
                waits.append((time.monotonic() - since) * 1000)
                await asyncio.sleep(HELD)

    gates = [SharedGate(one) for one in seats]
    await asyncio.gather(*(photo(gate) for gate in gates for _ in range(PHOTOS)))
    for gate in gates:
        await gate.aclose()
    figures = Figures("seats", "ms with thirty photos waiting", "select 1", floor)
    for what, found in (
        ("take", [one for each in seats for one in each.taking]),
        ("give back", [one for each in seats for one in each.giving]),
    ):
        figures.add(f"{what}, median", statistics.median(found))
        figures.add(f"{what}, p99", statistics.quantiles(found, n=100)[98], 5)
    figures.add("photos a second and seat", len(waits) / seconds / SEATS)
    figures.tell()
    for database in databases:
        await database.aclose()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder) / "data") as stack:
        asyncio.run(measure(stack.dsn().replace("postgresql:", "postgresql+asyncpg:", 1), options.seconds))


if __name__ == "__main__":
    main()
