"""A circuit for each route: after photos failed on it in a row it is left alone for a while, then probed.

That holds where a photo has another route to go to; one that has none tries in spite of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from appliance.providers.pauses import Pause, Pauses

FAILURES_TO_OPEN = 5  # photos in a row
OPEN_SECONDS = 30.0
HALF_OPEN_SECONDS = 86400.0  # without any photo: then it is as if nothing had been
_ROUTE = "route "

CircuitState = Literal["closed", "open", "half_open"]
Admission = Literal["free", "probe"] | None  # a photo passes, is the probe, or is not admitted


@dataclass(slots=True)
class Circuit:
    """One route's circuit. Closed: photos pass; open: none; half-open: one photo probes it.

    A photo that tries without being admitted may still say how it went. Several processes share whether it
    is open; each counts failures by itself, and sends a probe of its own.
    """

    pauses: Pauses
    name: str
    failures: int = 0  # since it was closed, or opened
    _probing: bool = False

    @property
    def state(self) -> CircuitState:
        """What it does with a photo."""
        if self.pauses.get(self.name) is None:
            return "closed"
        return "half_open" if self.seconds_until_probe() == 0 else "open"

    @property
    def last_reason(self) -> str | None:
        """Why it is not closed."""
        pause = self.pauses.get(self.name)
        return pause.reason if pause else None

    def seconds_until_probe(self) -> float:
        """Seconds until the next photo may try it; 0 when one may now."""
        return self.pauses.left(self.name)

    def admit(self) -> Admission:
        """Whether this attempt may go; a half-open circuit admits one until its outcome is known."""
        if self.pauses.get(self.name) is None:
            return "free"
        if self._probing or self.seconds_until_probe() > 0:
            return None
        self._probing = True
        return "probe"

    def succeeded(self) -> None:
        """The provider did its part."""
        self.failures, self._probing = 0, False
        self.pauses.end(self.name)

    def failed(self, reason: str, admission: Admission = "free", *, again: bool = False) -> None:
        """The provider did not answer as it should; ``again``: nor did it at this photo's earlier try."""
        self.failures += not again
        enough = self.failures >= FAILURES_TO_OPEN or self.pauses.get(self.name) is not None
        if admission == "probe" or (enough and not again and not self._probing):
            self.failures = 0
            until = self.pauses.clock() + OPEN_SECONDS
            self.pauses.begin(self.name, Pause(until, reason, HALF_OPEN_SECONDS))
        self.undecided(admission)

    def undecided(self, admission: Admission) -> None:
        """The attempt ended without saying anything about the provider; the probe's place is free again."""
        if admission == "probe":
            self._probing = False


@dataclass(slots=True)
class Circuits:
    """The circuits of all routes, by the route's name."""

    pauses: Pauses = field(default_factory=Pauses)
    _circuits: dict[str, Circuit] = field(default_factory=dict)

    def of(self, route: str) -> Circuit:
        """The circuit of a route."""
        return self._circuits.setdefault(route, Circuit(self.pauses, f"{_ROUTE}{route}"))

    def not_closed(self) -> dict[str, Circuit]:
        """Those an operator should know about."""
        return {route: self.of(route) for route in self.pauses.beginning_with(_ROUTE)}
