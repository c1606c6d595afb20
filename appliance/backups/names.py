"""How backups are called, here and at the target: nothing else there is ours."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from appliance.core.clock import utcnow

NAME = "photochanger-"
STAMP = "%Y%m%dT%H%M%SZ"  # follows it: when the backup was begun
SEAL = ".age"
PARTIAL = ".partial"
DIGEST = ".sha256"  # beside a backup at the target, written last: without it none counts
MARKER = "photochanger-backups.json"  # says that the target is there, and whose it is

_WHOLE = re.compile(r"photochanger-(\d{8}T\d{6}Z)\.tar(?:\.age|\.sealed)?")
_SENT = re.compile(r"photochanger-\d{8}T\d{6}Z\.tar\.age(?:\.sha256|\.partial)?")


def made_at(name: str) -> datetime | None:
    """When a whole backup of this name was made; ``None`` for any other name."""
    found = _WHOLE.fullmatch(name)
    if found is None:
        return None
    try:
        return datetime.strptime(found[1], STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def by_age(name: str) -> tuple[bool, str]:
    """Sorts names of backups, the oldest first. One from a time to come counts as older than all others: the
    clock was ahead when it was made, and nobody knows by how much.
    """
    now = NAME + utcnow().strftime(STAMP)
    return name[: len(now)] <= now, name


def is_sealed(name: str) -> bool:
    """Whether a backup's name says that it is sealed."""
    return name.endswith((SEAL, ".sealed"))


def is_ours(name: str) -> bool:
    """Whether a file at the target is one that we may remove."""
    return _SENT.fullmatch(name) is not None
