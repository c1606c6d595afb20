"""One picture in the making, and the switch that stops it."""

from __future__ import annotations

import threading
import zlib
from dataclasses import dataclass, field
from datetime import datetime

import pyvips

from appliance.providers.base import TemplateImage


class WorkStopped(Exception):
    """The job was given up: its time ended or its task was cancelled."""


@dataclass(eq=False)
class Work:
    """What a look needs besides the photo, and the way to stop it from another thread.

    ``now`` is aware; ``seed`` is the same for the same ``job_id``, so grain is too.
    """

    job_id: str
    now: datetime
    templates: tuple[TemplateImage, ...] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _stopped: bool = False
    _running: pyvips.Image | None = None

    @property
    def seed(self) -> int:
        """A number in 0..2^31-1 that depends on the job alone."""
        return zlib.crc32(self.job_id.encode()) & 0x7FFFFFFF

    def stop(self) -> None:
        """Give the job up; what is being computed ends with an error at its next tile."""
        with self._lock:
            self._stopped = True
            if self._running is not None:
                self._running.set_kill(True)

    def check(self) -> None:
        """Raises ``WorkStopped`` if the job was given up."""
        with self._lock:
            if self._stopped:
                raise WorkStopped

    def watch(self, image: pyvips.Image) -> pyvips.Image:
        """Make ``image`` the one that ``stop`` interrupts; raises ``WorkStopped`` if it is too late."""
        with self._lock:
            if self._stopped:
                raise WorkStopped
            self._running = image
        return image

    def render(self, image: pyvips.Image) -> pyvips.Image:
        """``image`` computed once, into memory, so that several readers share the pixels."""
        return self.watch(image).copy_memory()
