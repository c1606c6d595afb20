"""A circuit for each route: after photos failed on it in a row it is left alone for a while, then probed.

That holds where a photo has another route to go to; one that has none tries in spite of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

FAILURES_TO_OPEN = 5  # photos in a row
OPEN_SECONDS = 30.0

Admission = Literal["free", "probe"] | None  # a photo passes, is the probe, or is not admitted


@dataclass(slots=True)
class Circuit:
    """One route's circuit. Closed: photos pass; open: none; half-open: one photo probes it.

    A photo that tries without being admitted may still say how it went.
    """

    clock: Callable[[], float] = time.monotonic
    failures: int = 0
    last_reason: str | None = None
    _opened: float | None = None
    _probing: bool = False

    @property
    def state(self) -> str:
        """``closed``, ``open`` or ``half_open``."""
        if self._opened is None:
            return "closed"
        return "half_open" if self.seconds_until_probe() == 0 else "open"

    def seconds_until_probe(self) -> float:
        """Seconds until the next photo may try it; 0 when one may now."""
        return 0.0 if self._opened is None else max(0.0, self._opened + OPEN_SECONDS - self.clock())

    def admit(self) -> Admission:
        """Whether this attempt may go; a half-open circuit admits one until its outcome is known."""
        if self._opened is None:
            return "free"
        if self._probing or self.seconds_until_probe() > 0:
            return None
        self._probing = True
        return "probe"

    def succeeded(self) -> None:
        """The provider did its part."""
        self.failures, self._opened, self._probing, self.last_reason = 0, None, False, None

    def failed(self, reason: str, admission: Admission = "free", *, again: bool = False) -> None:
        """The provider did not answer as it should; ``again``: nor did it at this photo's earlier try."""
        self.failures += not again
        self.last_reason = reason
        enough = self.failures >= FAILURES_TO_OPEN and not again and not self._probing
        if admission == "probe" or enough:
            self._opened = self.clock()
        self.undecided(admission)

    def undecided(self, admission: Admission) -> None:
        """The attempt ended without saying anything about the provider; the probe's place is free again."""
        if admission == "probe":
            self._probing = False


@dataclass(slots=True)
class Circuits:
    """The circuits of all routes, by the route's name."""

    clock: Callable[[], float] = time.monotonic
    _circuits: dict[str, Circuit] = field(default_factory=dict)

    def of(self, route: str) -> Circuit:
        """The circuit of a route."""
        return self._circuits.setdefault(route, Circuit(self.clock))

    def not_closed(self) -> dict[str, Circuit]:
        """Those an operator should know about."""
        return {name: circuit for name, circuit in self._circuits.items() if circuit.state != "closed"}
