"""A gallery's server-sent events.

Every event says all that is new to see, so a phone or a screen that was away needs no history.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import asdict

import structlog

from appliance.core.error_handlers import from_database
from appliance.core.tasks import to_its_end, wait_for_event
from appliance.guests.shared_galleries.service import GalleryNews, OpenGallery, SharedGalleries

log = structlog.get_logger()

LOOK_EVERY = 1.0
LONGEST = 15 * 60.0  # then the browser comes back by itself
SILENCE = 15.0  # a beat is sent then: phones and screens take a line that says nothing for dead
RETRY_MS = 2000


async def feed(
    galleries: SharedGalleries, opened: OpenGallery, stopping: asyncio.Event, version: str
) -> AsyncIterator[bytes]:
    """The events of one listener: ``pictures``, ``beat`` while nothing happens, ``closed`` at the end."""
    yield f"retry: {RETRY_MS}\n\n".encode()
    began = said_at = time.monotonic()
    said: GalleryNews | None = None
    while not stopping.is_set() and time.monotonic() - began < LONGEST:
        try:
            news = await to_its_end(galleries.news(opened))
        except Exception as error:
            if from_database(error) is None:
                raise
            log.warning("gallery.feed_waits", error=type(error).__name__)
            news = said
        else:
            if news is None:
                yield b"event: closed\ndata: {}\n\n"
                return
        now = time.monotonic()
        if news != said and news is not None:
            data = json.dumps({"version": version, **asdict(news)}, separators=(",", ":"))
            yield f"event: pictures\ndata: {data}\n\n".encode()
            said, said_at = news, now
        elif now - said_at > SILENCE:
            yield b"event: beat\ndata: {}\n\n"
            said_at = now
        await wait_for_event(stopping, LOOK_EVERY)
