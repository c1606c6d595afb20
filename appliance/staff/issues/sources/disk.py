"""The disk: away, read-only, low, so full that no photo is taken, or full tonight if it goes on like this."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from appliance.core.health import media_writable
from appliance.housekeeping.disk_guard import DiskGuard
from appliance.media.store import MediaStore
from appliance.staff.issues.findings import AT_ONCE, PATIENCE, Action, Code, Finding, Source

CODES: tuple[Code, ...] = ("disk.away", "disk.read_only", "disk.full", "disk.low", "disk.filling")
_HOURS = 6.0  # a night: what fills the disk later is not tonight's trouble
_LOOK_BACK = 3600.0
_SHORTEST = 600.0  # seconds of figures before a rate is believed


class FillingRate:
    """How fast free space goes, over the last hour."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def saw(self, free: int) -> None:
        """So much is free now."""
        now = self._clock()
        self._seen.append((now, free))
        while self._seen[0][0] < now - _LOOK_BACK:
            self._seen.popleft()

    def hours_until(self, mark: int) -> float | None:
        """Hours until only ``mark`` is left; ``None`` where that cannot be said, or never comes."""
        (began, before), (now, free) = self._seen[0], self._seen[-1]
        if now - began < _SHORTEST or before <= free:
            return None
        return max(0.0, (free - mark) * (now - began) / (before - free) / 3600)


def disk_source(media: MediaStore, guard: DiskGuard, rate: FillingRate) -> Source:
    """Looks whether the folder of pictures is there and can be written to, and at what the guard knows."""

    async def look() -> list[Finding]:
        if not await asyncio.to_thread(media.has_folders):
            return [_no_photo("disk.away", media)]
        disk = await guard.look()
        rate.saw(disk.free_bytes)
        hours = rate.hours_until(disk.full_bytes)
        parameters: dict[str, float] = {
            "free_bytes": disk.free_bytes // 10**7 * 10**7,
            "low_bytes": disk.low_bytes,
            "pictures": disk.offer.pictures if disk.offer else 0,
            "offer_bytes": disk.offer.bytes if disk.offer else 0,
            "enough": bool(disk.offer and disk.offer.enough),
            "automatic": disk.automatic,
        }
        action = Action("free_space", method="POST", path="/api/disk/free")
        if disk.state == "full":
            return [Finding("disk.full", "stops_photos", parameters, (), action, None, AT_ONCE)]
        if await asyncio.to_thread(media_writable, media.root) != "ok":
            return [_no_photo("disk.read_only", media)]
        if hours is not None and hours < _HOURS:
            parameters["hours"] = round(hours, 1)
            if disk.state == "ok":
                return [Finding("disk.filling", "will_stop", parameters)]
        if disk.state == "low":
            patience = PATIENCE if disk.automatic else AT_ONCE  # what is made room for by itself may go
            return [Finding("disk.low", "will_stop", parameters, (), action, patience=patience)]
        return []

    return Source("disk", CODES, look, every=5.0)


def _no_photo(code: Code, media: MediaStore) -> Finding:
    return Finding(code, "stops_photos", {"folder": str(media.root)}, patience=AT_ONCE)
