"""What was read from the database less than a second ago, and what many ask for at the same moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Hashable, Mapping
from functools import partial
from typing import Any, Generic, TypeVar

import structlog

from appliance.core.siblings import Siblings
from appliance.core.tasks import begin

log = structlog.get_logger()

# Hidden, deleted or changed has to count within a second in every process, also where nobody could tell it.
SECONDS = 0.9
_QUESTION = "changed"

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Changes:
    """Counts requests that may have changed something: what was read before the last may be wrong by now."""

    def __init__(self) -> None:
        self.count = 0
        self._tell: Callable[..., Coroutine[Any, Any, object]] | None = None
        self._takers: list[Callable[[], Awaitable[object]]] = []

    def made(self) -> None:
        """One has come to this process; the others are told, and nobody waits for that."""
        self.count += 1
        if self._tell:
            begin(self._tell())

    async def made_by_somebody(self) -> None:
        """The same of a person's change, which the others know on return if they answer at all: whoever goes
        on to look at it, or posts a photo right away, meets no process that does not know of it.
        """
        self.count += 1
        if self._tell:
            await self._tell(by_somebody=True)

    def taken_up_by(self, take_up: Callable[[], Awaitable[object]]) -> None:
        """Have ``take_up`` called for each change that somebody made through another process."""
        self._takers.append(take_up)

    def between(self, siblings: Siblings) -> None:
        """Count those that come to the other processes, too."""
        siblings.on(_QUESTION, self._heard)
        self._tell = partial(siblings.ask, _QUESTION)

    async def _heard(self, facts: dict[str, Any]) -> Any:
        self.count += 1
        if facts.get("by_somebody"):
            found = await asyncio.gather(*(take_up() for take_up in self._takers), return_exceptions=True)
            for error in found:
                if isinstance(error, Exception):  # the database is away: it is taken up later
                    log.info("change.not_taken_up", error=type(error).__name__)


class Recent(Generic[Value]):
    """A value that is read again when it is ``SECONDS`` old, or when something may have changed.

    Whoever needs it meanwhile waits for the same reading, and hears of its failure too: while the database
    hangs nobody waits longer than one question takes.
    """

    def __init__(self, read: Callable[[], Awaitable[Value]], changes: Changes) -> None:
        self._read = read
        self._changes = changes
        self._reading: asyncio.Task[None] | None = None
        self._known: tuple[float, int, Value] | None = None

    async def get(self) -> Value:
        """The value; raises like ``read``."""
        oldest, changes = time.monotonic() - SECONDS, self._changes.count
        while True:
            if self._known is not None:
                since, count, value = self._known
                if since >= oldest and count >= changes:
                    return value
            if self._reading is None or self._reading.done():
                self._reading = begin(self._read_again())
            await asyncio.shield(self._reading)  # which may have begun before the last change

    async def _read_again(self) -> None:
        since, count = time.monotonic(), self._changes.count
        self._known = since, count, await self._read()


class BatchLoader(Generic[Key, Value]):
    """Looks up in one go what is asked for while the look before is under way."""

    def __init__(self, look: Callable[[Collection[Key]], Awaitable[Mapping[Key, Value]]]) -> None:
        self._look = look
        self._next: dict[Key, asyncio.Future[Value | None]] = {}
        self._task: asyncio.Task[None] | None = None

    async def find(self, key: Key) -> Value | None:
        """What there is for ``key``, read after this was asked; raises like ``look``."""
        if key not in self._next:
            self._next[key] = asyncio.get_running_loop().create_future()
        found = self._next[key]
        if self._task is None or self._task.done():
            self._task = begin(self._work())
        return await asyncio.shield(found)

    async def _work(self) -> None:
        while self._next:
            asked, self._next = self._next, {}
            try:
                found = await self._look(asked)
            except Exception as error:  # noqa: BLE001 - whoever asked is told
                for future in asked.values():
                    future.set_exception(error)
                    future.exception()  # it is no fault that nobody waits any longer
            else:
                for key, future in asked.items():
                    future.set_result(found.get(key))
