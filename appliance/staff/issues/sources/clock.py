"""The clock of this machine beside those of the providers."""

from __future__ import annotations

from appliance.core.clock_skew import ClockSkew
from appliance.staff.issues.findings import Finding, Source

MOST_SECONDS = 60.0  # past it signatures and certificates begin to be refused


def clock_source(skew: ClockSkew) -> Source:
    """Looks at what the answers of the last hour said."""

    async def look() -> list[Finding]:
        ahead = skew.seconds()
        if ahead is None or abs(ahead) < MOST_SECONDS:
            return []
        parameters = {"off_seconds": abs(round(ahead)), "direction": "ahead" if ahead > 0 else "behind"}
        return [Finding("clock.wrong", "will_stop", parameters, patience=10.0)]

    return Source("clock", ("clock.wrong",), look, every=15.0)
