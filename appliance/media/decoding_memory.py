"""How much memory pictures may take that are decoded at the same time."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

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


class DecodingMemory:
    """Bytes that pictures take and give back. Ordinary pictures come before large ones; among each, who
    came first. Whoever does not wait any longer is forgotten.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._free = most
        self._waiting: list[tuple[bool, int, int, asyncio.Future[None]]] = []
        self._arrivals = 0

    async def take(self, size: int) -> int:
        """Wait for ``size`` bytes; one that is larger than all there is waits for all. What it took."""
        size = min(size, self._most)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._arrivals += 1
        self._waiting.append((size > ORDINARY, self._arrivals, size, turn))
        self._waiting.sort(key=lambda one: one[:2])
        self._hand_out()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it came at the same moment
                self.give_back(size)
            else:
                self._waiting = [one for one in self._waiting if one[3] is not turn]
                self._hand_out()
            raise
        return size

    def give_back(self, size: int) -> None:
        """Return what ``take`` took."""
        self._free += size
        self._hand_out()

    def _hand_out(self) -> None:
        while self._waiting and self._waiting[0][2] <= self._free:
            _large, _arrival, size, turn = self._waiting.pop(0)
            if not turn.done():
                self._free -= size
                turn.set_result(None)
