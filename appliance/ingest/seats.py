"""Permits that several processes share: numbered seats in Postgres.

A seat is leased for as long as the photo may take, on the database's clock, so nobody renews anything and
a process that dies keeps nobody out for longer. Counting rows would let two processes take the last permit
at the same moment; of a numbered seat there is only one. One process counts in its own memory
(``ingest/gate.py``).
"""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator, Collection, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import String, delete, text
from sqlalchemy.orm import Mapped, mapped_column

from appliance.core.clock import Deadline
from appliance.core.db import Base, Database
from appliance.core.errors import SlotBusy
from appliance.core.tasks import begin, wait_for_event
from appliance.ingest.gate import Gate

log = structlog.get_logger()

LEASE_BEYOND = 2.0  # seconds after the deadline: nobody works at a photo for longer
ASK_EVERY = (0.1, 0.2)  # seconds between two questions for a seat, by chance, so that processes take turns
GIVE_BACK_EVERY = 0.5  # seconds between two tries while the database is away
# A database that does not answer keeps no photo waiting: then the permits of each process are all there are.
PATIENCE = 1.0

# One statement. Of the free seats one is taken by chance: two processes seldom want the same, and of those
# that do one gets nothing and asks again. Nobody waits for the disk: what a power cut takes is a lease.
_TAKE = text("""
insert into permit as mine (name, seat, process, holder, until)
select :name, free.seat, :process, :holder, clock_timestamp() + make_interval(secs => :seconds)
from (
    select seat from generate_series(0, :most) as seat
    where not exists (
        select 1 from permit where name = :name and permit.seat = seat.seat and until > clock_timestamp()
    )
    order by random() limit 1
) free
on conflict (name, seat) do update
    set process = excluded.process, holder = excluded.holder, until = excluded.until
    where mine.until <= clock_timestamp()
returning seat, set_config('synchronous_commit', 'off', true)
""")
_GIVE_BACK = text("""
delete from permit where name = :name and seat = :seat and holder = :holder
returning set_config('synchronous_commit', 'off', true)
""")


class Permit(Base):
    """A seat that somebody has until a moment."""

    __tablename__ = "permit"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    seat: Mapped[int] = mapped_column(primary_key=True)
    process: Mapped[int]
    holder: Mapped[uuid.UUID]
    until: Mapped[datetime]


class Seats:
    """Takes seats for one process, and gives them back."""

    def __init__(self, database: Database, process: int) -> None:
        self._database, self._process = database, process

    async def take(self, name: str, limit: int, seconds: float, holder: uuid.UUID) -> int | None:
        """A free one of the seats 0 … ``limit - 1``, for so many seconds; ``None`` where there is none."""
        values = {"name": name, "most": limit - 1, "process": self._process, "holder": holder}
        async with self._database.session() as session:
            seat: int | None = await session.scalar(_TAKE, {**values, "seconds": seconds})
        return seat

    async def give_back(self, name: str, seat: int, holder: uuid.UUID) -> None:
        """Nothing happens where its time was over and somebody else has it."""
        async with self._database.session() as session:
            await session.execute(_GIVE_BACK, {"name": name, "seat": seat, "holder": holder})

    async def forget(self, holders: Collection[uuid.UUID]) -> None:
        """What this process's dead predecessor had is free: all but what ``holders`` have."""
        others = delete(Permit).where(Permit.process == self._process, Permit.holder.not_in(holders))
        async with self._database.session() as session:
            await session.execute(others)


class _NoAnswer(Exception):
    """The database did not say in time whether there is a seat."""


@dataclass(slots=True)
class _Queue:
    """Photos of this process that have a permit here and wait for a seat."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # whose head asks
    free: asyncio.Event = field(default_factory=asyncio.Event)  # this process gave a seat back
    waiting: int = 0


class SharedGate(Gate):
    """The gate of one of several processes: a permit of its own, and then a seat that all share."""

    def __init__(self, seats: Seats) -> None:
        super().__init__()
        self._seats = seats
        self._queues: dict[str, _Queue] = {}
        self._holders: set[uuid.UUID] = set()  # of seats that photos of this process have, or ask for
        self._giving_back: set[asyncio.Task[None]] = set()
        self._not_asked_until = 0.0  # monotonic: the database has just not answered

    async def begin(self) -> None:
        """See ``Gate``: what a predecessor that died has left is free."""
        await self._seats.forget(self._holders)

    @asynccontextmanager
    async def _beside_others(self, name: str, limit: int, deadline: Deadline) -> AsyncIterator[None]:
        """See ``Gate``: a seat."""
        holder, seat = uuid.uuid4(), None
        self._holders.add(holder)
        try:
            seat = await self._seat(name, limit, deadline, holder)
            yield
        finally:
            self._holders.discard(holder)
            if seat is not None:
                self._beside(self._give_back(name, seat, holder, deadline))

    async def _seat(self, name: str, limit: int, deadline: Deadline, holder: uuid.UUID) -> int | None:
        """A seat, or ``None`` where the database cannot be asked; raises ``SlotBusy``."""
        queue, permits = self._queues.setdefault(name, _Queue()), self.permits(name)
        queue.waiting += 1
        try:
            async with asyncio.timeout(max(0.0, deadline.remaining() - permits.seconds_needed(deadline))):
                async with queue.turn:
                    while True:
                        if time.monotonic() < self._not_asked_until:
                            return None
                        queue.free.clear()
                        seat = await self._taken(name, limit, deadline, holder)
                        if seat is not None:
                            return seat
                        pause = random.uniform(*ASK_EVERY)  # noqa: S311 - to take turns
                        await wait_for_event(queue.free, pause)
        except _NoAnswer:
            return None
        except TimeoutError:
            raise SlotBusy(retry_after=permits.retry_after()) from None
        finally:
            queue.waiting -= 1

    async def _taken(self, name: str, limit: int, deadline: Deadline, holder: uuid.UUID) -> int | None:
        """The seat, ``None`` where none is free; raises ``_NoAnswer``."""
        taking = begin(self._seats.take(name, limit, deadline.remaining() + LEASE_BEYOND, holder))
        try:
            return await asyncio.wait_for(asyncio.shield(taking), PATIENCE)
        except asyncio.CancelledError:
            self._beside(self._not_wanted(name, taking, holder, deadline))
            raise
        except Exception as error:  # photos go on without the other processes' word
            log.warning("permit.not_asked", name=name, error=type(error).__name__)
            self._not_asked_until = time.monotonic() + PATIENCE  # who waits behind need not find out again
            self._beside(self._not_wanted(name, taking, holder, deadline))
            raise _NoAnswer from error

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        """No photo waits for it."""
        task = begin(work)
        self._giving_back.add(task)
        task.add_done_callback(self._giving_back.discard)

    async def aclose(self) -> None:
        """Wait for seats that are still being given back."""
        if self._giving_back:
            await asyncio.wait(self._giving_back, timeout=3)

    async def _not_wanted(
        self, name: str, taking: asyncio.Task[int | None], holder: uuid.UUID, deadline: Deadline
    ) -> None:
        seat = await taking
        if seat is not None:
            await self._give_back(name, seat, holder, deadline)

    async def _give_back(self, name: str, seat: int, holder: uuid.UUID, deadline: Deadline) -> None:
        """Again and again while the database is away and the lease has not ended by itself: else, once the
        database is back, a slot would be busy with nothing for that long.
        """
        while True:
            try:
                await self._seats.give_back(name, seat, holder)
                break
            except Exception as error:  # noqa: BLE001 - whatever keeps us from it now, it is tried again
                if time.monotonic() > deadline.expires + LEASE_BEYOND:
                    log.info("permit.not_given_back", name=name, error=type(error).__name__)
                    break
            await asyncio.sleep(GIVE_BACK_EVERY)
        self._queues[name].free.set()

    def state(self) -> dict[str, tuple[int, int, int]]:
        """See ``Gate``: who has a permit here and waits for a seat waits."""
        of_each = {name: queue.waiting for name, queue in self._queues.items()}
        return {
            name: (taken - of_each.get(name, 0), limit, waiting + of_each.get(name, 0))
            for name, (taken, limit, waiting) in super().state().items()
        }
