"""Blocking work beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import ParamSpec, TypeVar

from appliance.core.tasks import begin

P = ParamSpec("P")
T = TypeVar("T")


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
