"""Memory as the process keeps it."""

from __future__ import annotations

import asyncio
import ctypes
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from appliance.core.photos_first import PhotoWork

TRIM_SECONDS = 2.0
_USUAL = gc.get_threshold()


def collect_seldom() -> None:
    """For the start of a program. While it is loaded nothing is garbage: the collector looked through it
    again and again, which was a fifth of the time (2.5 s and 2.0 s of a processor; 2026-11-27).
    """
    gc.set_threshold(50_000, 20, 100)


def keep_what_is_there() -> None:
    """Have the garbage collector look only at what comes from now on; for the end of a start.

    A full collection went through all modules and classes each time, and nobody got an answer meanwhile:
    0.1 s on two shared cores (2026-11, tests/integration/test_large_event.py). Nothing is collected before:
    that took as long, and found twelve objects.
    """
    gc.freeze()
    gc.set_threshold(*_USUAL)


@asynccontextmanager
async def giving_back(work: PhotoWork) -> AsyncIterator[None]:
    """After photos, the C library gives back to the machine what it keeps for later; glibc's alone does.

    Otherwise a party's worst moment is what the program takes until it ends: 417 MB after 30 photos at once
    that need 180 (scripts/bench/ingest.py, 2 cores, 2026-11-27).
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)

    async def follow() -> None:
        while trim is not None:
            await work.ended.wait()
            await asyncio.sleep(TRIM_SECONDS)
            work.ended.clear()
            await asyncio.to_thread(trim, 0)

    following = asyncio.create_task(follow())
    try:
        yield
    finally:
        following.cancel()
