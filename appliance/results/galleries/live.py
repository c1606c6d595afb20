"""A gallery's server-sent events.

Every event says all that is new to see, so a phone or a screen that was away needs no history.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator

import structlog

from appliance.core.error_handlers import from_database
from appliance.results.galleries.service import Galleries, Opened

log = structlog.get_logger()

LOOK_EVERY = 1.0
LONGEST = 15 * 60.0  # then the browser comes back by itself
SILENCE = 15.0  # something is sent at least that often, so that nobody takes the line for dead
RETRY_MS = 2000


async def feed(
    galleries: Galleries, opened: Opened, stopping: asyncio.Event, version: str
) -> AsyncIterator[bytes]:
    """The events of one listener: ``pictures``, and ``closed`` at the end."""
    yield f"retry: {RETRY_MS}\n\n".encode()
    began = said_at = time.monotonic()
    said: list[str] | None = None
    while not stopping.is_set() and time.monotonic() - began < LONGEST:
        try:
            names = await galleries.newest(opened)
        except Exception as error:
            if from_database(error) is None:
                raise
            log.warning("gallery.feed_waits", error=type(error).__name__)
            names = said
        else:
            if names is None:
                yield b"event: closed\ndata: {}\n\n"
                return
        now = time.monotonic()
        if names != said:
            data = json.dumps({"version": version, "pictures": names}, separators=(",", ":"))
            yield f"event: pictures\ndata: {data}\n\n".encode()
            said, said_at = names, now
        elif now - said_at > SILENCE:
            yield b": still here\n\n"
            said_at = now
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), LOOK_EVERY)
