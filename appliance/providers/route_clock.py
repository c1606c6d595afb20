"""How long a provider takes: from the moment its request goes out until its picture is here.

What is ours, making the photo small, waiting for a thread, decoding the picture that came, is not the
provider's: it must neither make its times look worse nor have an attempt given up and paid for twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(slots=True)
class RouteClock:
    """One attempt's. ``cut``: seconds after which it counts as stalled; ``None``: never.

    A provider that is asked by no request, as this machine itself, is timed as a whole and never cut.
    """

    cut: float | None
    _since: float = field(default_factory=time.monotonic)
    _until: float | None = None
    _out: bool = False
    _waiting: bool = False
    _limit: asyncio.Timeout | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The block is one attempt; raises ``TimeoutError`` when it is cut."""
        token = _current.set(self)
        try:
            async with asyncio.timeout(None) as self._limit:
                yield
        finally:
            _current.reset(token)

    @property
    def was_cut(self) -> bool:
        """Whether the attempt took too long."""
        return self._limit is not None and self._limit.expired()

    @property
    def seconds(self) -> float:
        """What the provider took until now."""
        return (self._until or time.monotonic()) - self._since

    def goes_out(self) -> None:
        """A request is sent; the first one counts."""
        if not self._out and self._limit is not None:
            self._out, self._since = True, time.monotonic()
            if self.cut is not None:
                self._limit.reschedule(asyncio.get_running_loop().time() + self.cut)

    def queued(self, *, waiting: bool) -> None:
        """It stands in the provider's queue: to give it up would only lose its place there.

        The time after which it counts as stalled begins anew when it does not wait any more.
        """
        if self.cut is None or waiting == self._waiting or self._limit is None or self._limit.expired():
            return
        self._waiting = waiting
        now = asyncio.get_running_loop().time()
        self._limit.reschedule(None if waiting else now + self.cut)

    def is_back(self) -> None:
        """The picture has come; what follows is ours."""
        if self._out and self._limit is not None and not self._limit.expired():
            self._until = time.monotonic()
            self._limit.reschedule(None)


_current: ContextVar[RouteClock | None] = ContextVar("route_clock", default=None)


def request_goes_out() -> None:
    """Start the clock of the attempt that this is part of, if it is part of one."""
    if clock := _current.get():
        clock.goes_out()


def picture_is_back() -> None:
    """Stop it."""
    if clock := _current.get():
        clock.is_back()
