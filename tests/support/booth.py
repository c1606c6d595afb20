"""A booth that goes on posting, whatever else happens, and notes how each photo went."""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from dataclasses import dataclass, field

from tests.support.camera import Camera, Shot

SLOT = "/api/ingest/slot-001?reply=image"
# Seconds between two photos: what is tried beside needs processors too.
PAUSE = 0.5


@dataclass(frozen=True)
class Photo:
    """How one photo went: its status (0: no answer), its time, and whether all of it came."""

    status: int
    seconds: float
    whole: bool

    @property
    def good(self) -> bool:
        return self.status == 200 and self.whole


@dataclass
class Album:
    """The photos of a while."""

    photos: list[Photo] = field(default_factory=list)

    @property
    def lost(self) -> list[Photo]:
        return [photo for photo in self.photos if not photo.good]

    @property
    def typical_seconds(self) -> float:
        return statistics.median(photo.seconds for photo in self.photos)


async def take(camera: Camera, shot: Shot) -> Photo:
    """Post one photo; a connection that breaks is a photo without an answer."""
    began = time.monotonic()
    try:
        reply = await asyncio.wait_for(camera.post(SLOT, shot), 70)
    except (OSError, EOFError, TimeoutError):
        return Photo(0, time.monotonic() - began, whole=False)
    length = int(reply.headers.get("content-length", -1))
    whole = len(reply.body) == length and reply.body.endswith(b"\xff\xd9")
    return Photo(reply.status, time.monotonic() - began, whole)


class Booth:
    """Posts one photo after the other, in a thread of its own."""

    def __init__(self, port: int, shot: Shot) -> None:
        self._camera, self._shot = Camera(port), shot

    def post(self, count: int) -> Album:
        """So many photos."""

        async def posting() -> Album:
            return Album([await take(self._camera, self._shot) for _ in range(count)])

        return asyncio.run(posting())

    def post_until(self, over: threading.Event, at_least: int, pause: float = PAUSE) -> Album:
        """Photos until ``over``, and ``at_least`` so many."""
        album = Album()

        async def posting() -> None:
            while not over.is_set() or len(album.photos) < at_least:
                album.photos.append(await take(self._camera, self._shot))
                await asyncio.sleep(pause)

        asyncio.run(posting())
        return album
