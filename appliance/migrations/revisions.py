"""Which migrations this version knows, by their files' names: nothing is loaded for that."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

TablesAge = Literal["current", "older", "newer"]

_FILES = Path(__file__).parent / "versions"


@cache
def known() -> list[str]:
    """All revisions in their order: ``0001`` and so on, as the files' names begin."""
    return sorted(file.name.partition("_")[0] for file in _FILES.glob("[0-9]*_*.py"))


def tables_age(revision: str) -> TablesAge:
    """How tables of that revision are to this version."""
    if revision == known()[-1]:
        return "current"
    return "older" if revision in known() else "newer"
