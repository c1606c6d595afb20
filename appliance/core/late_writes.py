"""Rows that no photo waits for: written one after the other, whenever the database has time for them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

import structlog

log = structlog.get_logger()

Name = TypeVar("Name", bound=Hashable)

CLOSE_SECONDS = 5.0  # how long the end waits for what is still to be written


class LateWrites(Generic[Name]):
    """Calls ``write`` for each name that was added, once for what was added meanwhile.

    One at a time, so that a slow database has one connection of ours at most. What fails is logged as
    ``event`` and left: the next value of that name brings it again.
    """

    def __init__(self, write: Callable[[Name], Awaitable[None]], event: str) -> None:
        self._write = write
        self._event = event
        self._waiting: dict[Name, None] = {}
        self._writing: asyncio.Task[None] | None = None

    def add(self, name: Name) -> None:
        """Have ``name`` written soon; nobody waits."""
        self._waiting[name] = None
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())

    async def _write_all(self) -> None:
        while self._waiting:
            name = next(iter(self._waiting))
            del self._waiting[name]
            try:
                await self._write(name)
            except Exception as error:  # noqa: BLE001 - it comes again
                log.warning(self._event, name=name, error=type(error).__name__)

    async def written(self) -> None:
        """Wait until everything stands in the database."""
        if self._writing is not None:
            await self._writing

    async def aclose(self) -> None:
        """Wait a moment for what is being written, then leave it."""
        if self._writing is None:
            return
        _, late = await asyncio.wait({self._writing}, timeout=CLOSE_SECONDS)
        for task in late:
            task.cancel()
            await asyncio.wait({task})
            log.warning(self._event, error="CancelledError")
