"""Days as providers write them."""

from __future__ import annotations

from datetime import date


def day_of(text: str | None) -> date | None:
    """The day of ``2026-12-01`` or ``2026-12-01T00:00:00Z``; ``None`` for anything else."""
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError:
        return None
