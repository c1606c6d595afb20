"""Permits: how many photos a slot, and a provider, work on at the same time.

They live in this process's memory. Where there are several, a permit is a seat as well (``ingest/seats.py``).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from appliance.core.clock import Deadline
from appliance.core.errors import SlotBusy

_MIN_WORK_SECONDS = 1.0  # a permit that comes later than this before the deadline is of no use
_SMOOTHING = 0.3  # weight of the newest run in the running mean


class Permits:
    """A counting semaphore whose limit may change while it is in use; first come, first served."""

    def __init__(self) -> None:
        self.in_use = 0
        self.typical_seconds = 0.0
        self.limit = 1
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for one."""
        return len(self._waiting)

    async def acquire(self, limit: int, deadline: Deadline) -> None:
        """Take a permit, with ``limit`` permits in all from now on.

        Raises ``SlotBusy`` when none came free while there was still time to use it.
        """
        self.limit = limit
        if self.in_use < limit and not self._waiting:
            self.in_use += 1
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._wake()
        try:
            async with asyncio.timeout(max(0.0, deadline.remaining() - self.seconds_needed(deadline))):
                await waiter
        except BaseException as error:
            self._give_up(waiter)
            if isinstance(error, TimeoutError):
                raise SlotBusy(retry_after=self.retry_after()) from None
            raise

    def release(self, used_seconds: float | None) -> None:
        """Give a permit back after so many seconds of work, or ``None`` where it brought no picture."""
        self.in_use -= 1
        if used_seconds is not None:
            self.typical_seconds += (used_seconds - self.typical_seconds) * (
                _SMOOTHING if self.typical_seconds else 1
            )
        self._wake()

    def seconds_needed(self, deadline: Deadline) -> float:
        """Before the deadline: a permit that comes later is of no use."""
        return max(_MIN_WORK_SECONDS, min(self.typical_seconds, deadline.seconds / 2))

    def retry_after(self) -> int:
        """Whole seconds after which trying again makes sense."""
        return max(1, math.ceil(self.typical_seconds))

    def _give_up(self, waiter: asyncio.Future[None]) -> None:
        if waiter.done() and not waiter.cancelled():  # the permit came at the same moment: pass it on
            self.in_use -= 1
        elif waiter in self._waiting:
            self._waiting.remove(waiter)
        self._wake()

    def _wake(self) -> None:
        while self._waiting and self.in_use < self.limit:
            waiter = self._waiting.popleft()
            if not waiter.done():
                self.in_use += 1
                waiter.set_result(None)


class Gate:
    """The permits of all slots and providers."""

    def __init__(self) -> None:
        self._permits: dict[str, Permits] = {}

    async def begin(self) -> None:
        """Soon after the start of the process: what a predecessor had is free. It can be repeated."""

    def permits(self, name: str) -> Permits:
        """The permits called ``name`` (``slot:…`` or ``provider:…``)."""
        return self._permits.setdefault(name, Permits())

    @asynccontextmanager
    async def enter(self, name: str, limit: int, deadline: Deadline) -> AsyncIterator[None]:
        """Hold one of ``limit`` permits during the block; raises ``SlotBusy``."""
        permits = self.permits(name)
        await permits.acquire(limit, deadline)
        used: float | None = None  # what failed at once says nothing of how long a picture takes
        try:
            async with self._beside_others(name, limit, deadline):
                since = time.monotonic()  # waiting for the others is no work
                yield
                used = time.monotonic() - since
        finally:
            permits.release(used)

    @asynccontextmanager
    async def _beside_others(
        self,
        name: str,  # noqa: ARG002 - for those who share
        limit: int,  # noqa: ARG002
        deadline: Deadline,  # noqa: ARG002
    ) -> AsyncIterator[None]:
        """What a permit needs besides, where other processes take some too; raises ``SlotBusy``."""
        yield

    def state(self) -> dict[str, tuple[int, int, int]]:
        """By name: permits taken, their limit, photos that wait for one."""
        return {
            name: (permits.in_use, permits.limit, permits.waiting) for name, permits in self._permits.items()
        }

    def in_use(self) -> dict[str, int]:
        """How many permits are taken, by name; names with none are left out."""
        return {name: taken for name, (taken, _, _) in self.state().items() if taken}
