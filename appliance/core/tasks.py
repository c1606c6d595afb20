"""Tasks that outlive those who wait for them."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Coroutine, Hashable
from typing import Any, Generic, NoReturn, TypeVar

import structlog

from appliance.core.stack_frames import EXPECTED, without_frames

log = structlog.get_logger()

T = TypeVar("T")
Name = TypeVar("Name", bound=Hashable)


class Background(ABC):
    """Of a service: what it does beside everything else, from ``start`` to ``stop`` or ``aclose``."""

    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Work until ``stop``."""
        self._task = asyncio.create_task(self.work())

    async def stop(self) -> None:
        """Work no more, unless started again: what is under way is broken off."""
        if self._task:
            await end({self._task})

    async def aclose(self) -> None:
        """Work no more."""
        await self.stop()

    @abstractmethod
    async def work(self) -> None:
        """All that is done, again and again; ends by being cancelled."""


class OneOfEach(Generic[Name]):
    """Tasks by name, at most one of each, so that what is slow keeps only itself waiting."""

    def __init__(self) -> None:
        self._tasks: dict[Name, asyncio.Task[None]] = {}

    def begin(self, name: Name, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Work in a task, unless the one of this name still does."""
        if name not in self._tasks:
            self._tasks[name] = task = asyncio.create_task(work())
            task.add_done_callback(lambda _: self._tasks.pop(name))

    async def stop(self) -> None:
        """Break off what is under way."""
        await end(list(self._tasks.values()))


async def end(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel ``tasks`` and wait until they have ended; it can be cancelled itself, unlike one that waits for
    a task and takes every ``CancelledError`` for that task's.
    """
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


async def again_and_again(step: Callable[[], Awaitable[object]], pause: float, unable: str) -> NoReturn:
    """``step``, and so many seconds later the next one. One that fails, for the database is away, say, is
    logged as ``unable``.
    """
    while True:
        try:
            await step()
        except Exception as error:  # noqa: BLE001 - the next one follows
            log.info(unable, error=type(error).__name__)
        await asyncio.sleep(pause)


async def wait_for_event(event: asyncio.Event, seconds: float) -> None:
    """Until ``event`` is set, or for so long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def begin(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """``work`` as a task whose failure is for those who wait for it.

    Where all of them have gone (a booth hung up, another route won), it is no failure of the program's:
    asyncio would log it as an exception that was never retrieved. An expected failure holds on to nothing
    that ``work`` had in its hands.
    """
    task = asyncio.create_task(_letting_go(work))
    task.add_done_callback(_retrieved)
    task.add_done_callback(lambda _: work.close())  # which has not begun if the task was cancelled at once
    return task


async def _letting_go(work: Coroutine[Any, Any, T]) -> T:
    try:
        return await work
    except EXPECTED as error:
        raise without_frames(error)  # noqa: B904 - it is the same one


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` returns. Where its listener goes meanwhile it is not broken off: a query that is
    cancelled costs its connection to the database, and closing that fails too.
    """
    return await asyncio.shield(begin(work))


def _retrieved(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()
