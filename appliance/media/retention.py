"""Which files of the media folder belong to nobody any more."""

from __future__ import annotations

import re
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from appliance.core.files import PARTIAL_PREFIX
from appliance.media.store import OWN_PHOTO, MediaStore

_NAMES = {
    "results": re.compile(r"(?P<job>[0-9a-f-]{36})\.(?:jpg|png|webp)"),
    "sources": re.compile(r"(?P<job>[0-9a-f-]{36})\.(?:jpg|png|webp)"),
    "previews": re.compile(r"(?P<job>[0-9a-f-]{36})\.[a-z0-9.]+"),  # a template's are named otherwise
}


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file or folder older than the grace time, with the job that its name gives, if any."""

    path: Path
    job_id: uuid.UUID | None
    size: int

    @property
    def of_own_photo(self) -> bool:
        """Whether this is a preview of the guest's own photo."""
        return self.path.name.startswith(f"{self.job_id}.{OWN_PHOTO}")


def _age(path: Path, now: float) -> float:
    try:
        return now - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _job_of(name: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(name)
    except ValueError:
        return None


def old_files(store: MediaStore, folder: str, grace_seconds: float) -> Iterator[Leftover]:
    """Files of jobs in ``folder`` older than the grace time, and half-written ones."""
    now = time.time()
    for path in sorted((store.root / folder).iterdir()):
        found = _NAMES[folder].fullmatch(path.name)
        if (found or path.name.startswith(PARTIAL_PREFIX)) and _age(path, now) > grace_seconds:
            yield Leftover(path, _job_of(found["job"]) if found else None, path.stat().st_size)


def old_uploads(store: MediaStore, grace_seconds: float) -> Iterator[Leftover]:
    """Folders ``temp/{slot_id}/{job_id}`` that nothing has touched for the grace time."""
    now = time.time()
    for slot in sorted((store.root / "temp").iterdir()):
        if not slot.is_dir():
            continue
        for folder in sorted(slot.iterdir()):
            newest = min([_age(folder, now), *(_age(inside, now) for inside in folder.glob("*"))])
            if newest > grace_seconds:
                size = sum(inside.stat().st_size for inside in folder.rglob("*") if inside.is_file())
                yield Leftover(folder, _job_of(folder.name), size)


def remove(leftover: Leftover) -> None:
    """Delete a leftover; missing is fine, anything else that fails is raised."""
    if leftover.path.is_dir():
        shutil.rmtree(leftover.path)
    else:
        leftover.path.unlink(missing_ok=True)
