"""Blocking work beside the event loop."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import ParamSpec, TypeVar

from appliance.core.tasks import begin

P = ParamSpec("P")
T = TypeVar("T")

# Seconds after which a thread that wants the interpreter gets it; Python's own 5 ms are for programs of
# threads alone. Here a photo's thread asks for it after every call into libvips, and the loop has it while
# there is anything to answer: one step of a photo took 66 ms beside a busy loop with 5 ms, 18 to 30 ms with
# 1 and 2 ms, and 33 ms without one (2 cores, a load of 17, 2026-11-27).
TURN = 0.0005


def take_turns() -> None:
    """Let the threads of photos have the interpreter soon, however much the loop has to do."""
    sys.setswitchinterval(TURN)


async def finish_in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """``work`` in a thread, and not given up half-way: a cancelled caller goes on only when it ended.

    For short file work, so that nobody removes a folder while a thread still writes into it.
    """
    running = begin(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        raise


def pages_for_thread(
    fetch: Callable[[T | None], Awaitable[Sequence[T]]], loop: asyncio.AbstractEventLoop
) -> Iterator[Sequence[T]]:
    """Pages that ``loop`` fetches one by one for a thread, until one is empty.

    ``fetch`` is given the last item of the page before. One page is in memory at a time.
    """

    async def page(after: T | None) -> Sequence[T]:
        return await fetch(after)

    last: T | None = None
    while found := asyncio.run_coroutine_threadsafe(page(last), loop).result():
        yield found
        last = found[-1]
