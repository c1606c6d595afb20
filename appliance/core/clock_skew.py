"""How far this machine's clock is off, by the ``Date`` of answers from elsewhere."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime

from appliance.core.clock import utcnow

_BELIEVED_FOR = 3600.0  # seconds
_ANSWERS = 5


class ClockSkew:
    """Remembers the last few answers."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, now: Callable[[], datetime] = utcnow
    ) -> None:
        self._clock, self._now = clock, now
        self._seen: deque[tuple[float, float]] = deque(maxlen=_ANSWERS)

    def heard(self, date: str | None) -> None:
        """An answer's ``Date``; one that is none says nothing."""
        try:
            ahead = (self._now() - parsedate_to_datetime(date or "")).total_seconds()
        except (ValueError, TypeError):
            return
        self._seen.append((self._clock(), ahead))

    def seconds(self) -> float | None:
        """By how much our clock is ahead of the answer that is nearest to it; ``None``: nobody answered
        lately. One server with a wrong clock is not enough to doubt ours.
        """
        since = self._clock() - _BELIEVED_FOR
        lately = [ahead for at, ahead in self._seen if at > since]
        return min(lately, key=abs) if lately else None


PROVIDERS = ClockSkew()  # what every provider's answer says
