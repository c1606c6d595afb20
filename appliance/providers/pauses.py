"""What is left alone for a while, by name: a key that a provider refused, a route on which photos failed.

One process keeps this in memory. Several share it (``shared_pauses.py``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Pause:
    """``until``: on the monotonic clock; it says something for ``kept`` seconds more (of a route: that it
    is to be probed). ``since``: when somebody's help was first needed, if it is.
    """

    until: float
    reason: str
    kept: float = 0.0
    spent: bool = False
    since: datetime | None = None


class Pauses:
    """Those that are known, with those that are over and still say something."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._known: dict[str, Pause] = {}

    async def load(self) -> None:
        """Tell the others, and take up what they know; one that is alone, and has just started, tries
        everything again.
        """

    def get(self, name: str) -> Pause | None:
        """The pause of this name."""
        return self._known.get(name)

    def left(self, name: str) -> float:
        """For how many seconds it lasts; 0 for what is not paused."""
        found = self._known.get(name)
        return max(0.0, found.until - self.clock()) if found else 0.0

    def beginning_with(self, words: str) -> dict[str, Pause]:
        """Those whose names begin so, by what follows."""
        return {
            name.removeprefix(words): pause
            for name, pause in sorted(self._known.items())
            if name.startswith(words)
        }

    def begin(self, name: str, pause: Pause) -> None:
        """Leave ``name`` alone."""
        now = self.clock()
        self._known = {one: known for one, known in self._known.items() if known.until + known.kept > now}
        self._known[name] = pause
        self.changed(name)

    def end(self, name: str) -> None:
        """Leave it alone no more, and forget that it was."""
        if self._known.pop(name, None):
            self.changed(name)

    def changed(self, name: str) -> None:
        """Something was learned here."""

    def heard(self, name: str, pause: Pause | None) -> None:
        """Something was learned elsewhere; ``None``: it is over."""
        if pause is None:
            self._known.pop(name, None)
        else:
            self._known[name] = pause
