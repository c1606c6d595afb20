"""How much memory pictures may take that are decoded at the same time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import TypeVar

from appliance.core.stack_frames import ExpectedFailure, without_frames

T = TypeVar("T")

# Of a machine with 2 GB, or a container with so much: a quarter. More than that is never needed at once:
# four photos of 24 million pixels take 288 MB, and the largest that is taken 360 MB.
MOST = 512_000_000
SHARE = 4
ORDINARY = 100_000_000  # decoded bytes: 33 million pixels of a JPEG
_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


def memory_for_decoding() -> int:
    """Bytes, by what this machine or container has."""
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError, ValueError):  # no such limit, or the word "max"
        there = min(there, int(_CONTAINER_LIMIT.read_text(encoding="ascii")))
    return min(MOST, there // SHARE)


@dataclass(eq=False, slots=True)
class _Waiting:
    """Somebody who waits for ``size`` bytes. ``turn`` is set in the loop that it waits in."""

    size: int
    arrival: int
    turn: asyncio.Future[None]

    @property
    def rank(self) -> tuple[bool, int]:
        return self.size > ORDINARY, self.arrival

    def call(self) -> bool:
        """Tell that there is memory now; whether anybody hears it."""
        try:
            self.turn.get_loop().call_soon_threadsafe(self._begin)
        except RuntimeError:  # the loop has ended
            return False
        return True

    def _begin(self) -> None:
        if not self.turn.done():
            self.turn.set_result(None)


class DecodingMemory:
    """Bytes that pictures take and give back, from any thread. Ordinary pictures come before large ones;
    among each, who came first. Whoever does not wait any longer is forgotten.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._free = most
        self._waiting: list[_Waiting] = []
        self._arrivals = count()
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many pictures wait for memory."""
        return len(self._waiting)

    async def take(self, size: int) -> int:
        """Wait for ``size`` bytes; one that is larger than all there is waits for all. What it took."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        mine = _Waiting(min(size, self._most), next(self._arrivals), turn)
        with self._lock:
            self._waiting.append(mine)
            self._waiting.sort(key=lambda one: one.rank)
            self._hand_out()
        try:
            await turn
        except asyncio.CancelledError:
            with self._lock:
                if mine in self._waiting:
                    self._waiting.remove(mine)
                else:  # it came at the same moment
                    self._free += mine.size
                self._hand_out()
            raise
        return mine.size

    async def run(self, threads: Executor, size: int, work: Callable[..., T], *args: object) -> T:
        """``work(*args)`` in one of ``threads``, which decodes ``size`` bytes, once there is memory for them.

        Whoever does not wait any longer leaves the queue; what has begun holds its memory to its end.
        """
        taken = await self.take(size)
        running = threads.submit(work, *args)
        running.add_done_callback(lambda _: self.give_back(taken))
        try:
            return await asyncio.wrap_future(running)
        except ExpectedFailure as error:
            raise without_frames(error)  # noqa: B904 - it is the same one

    def give_back(self, size: int) -> None:
        """Return what ``take`` took."""
        with self._lock:
            self._free += size
            self._hand_out()

    def _hand_out(self) -> None:
        while self._waiting and self._waiting[0].size <= self._free:
            first = self._waiting.pop(0)
            if first.call():
                self._free -= first.size


@cache
def decoding_memory() -> DecodingMemory:
    """What all pictures of this process share."""
    return DecodingMemory(memory_for_decoding())
