"""Tasks that outlive those who wait for them."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Background(ABC):
    """Of a service: what it does beside everything else, from ``start`` to ``stop`` or ``aclose``."""

    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Work until ``stop``."""
        self._task = asyncio.create_task(self.work())

    async def stop(self) -> None:
        """Work no more, unless started again: what is under way is broken off."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def aclose(self) -> None:
        """Work no more."""
        await self.stop()

    @abstractmethod
    async def work(self) -> None:
        """All that is done, again and again; ends by being cancelled."""


def begin(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """``work`` as a task whose failure is for those who wait for it.

    Where all of them have gone (a booth hung up, another route won), it is no failure of the program's:
    asyncio would log it as an exception that was never retrieved.
    """
    task = asyncio.create_task(work)
    task.add_done_callback(_retrieved)
    return task


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` returns. Where its listener goes meanwhile it is not broken off: a query that is
    cancelled costs its connection to the database, and closing that fails too.
    """
    return await asyncio.shield(begin(work))


def _retrieved(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()
