"""Which files of the media folder belong to nobody any more."""

from __future__ import annotations

import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from appliance.core.files import PARTIAL_PREFIX
from appliance.core.images import EXTENSIONS
from appliance.media.folder_locks import is_locked
from appliance.media.store import OWN_PHOTO, MediaStore

_PICTURE = re.compile(rf"(?P<job>[0-9a-f-]{{36}})\.(?:{'|'.join(EXTENSIONS.values())})")
_NAMES = {
    "results": _PICTURE,
    "sources": _PICTURE,
    "previews": re.compile(r"(?P<job>[0-9a-f-]{36})\.[a-z0-9.]+"),  # a template's are named otherwise
}


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file or folder older than the grace time, with the job that its name gives, if any."""

    place: str  # plain text: tens of thousands of paths would take a second to make
    job_id: uuid.UUID | None
    size: int

    @property
    def name(self) -> str:
        """Its name in its folder."""
        return self.place.rpartition("/")[2]

    @property
    def of_own_photo(self) -> bool:
        """Whether this is a preview of the guest's own photo."""
        return self.name.startswith(f"{self.job_id}.{OWN_PHOTO}")


def _found(place: str) -> os.stat_result | None:
    """What a file or folder is; ``None``: somebody removed it while we looked."""
    try:
        return os.stat(place)  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return None


def _inside(folder: str) -> list[str]:
    """The names in a folder; nothing where that is none or gone."""
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        return []


def _job_of(name: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(name)
    except ValueError:
        return None


def old_files(store: MediaStore, folder: str, grace_seconds: float) -> Iterator[Leftover]:
    """Files of jobs in ``folder`` older than the grace time, and half-written ones."""
    now = time.time()
    place, matches = os.fspath(store.root / folder), _NAMES[folder].fullmatch
    for name in _inside(place):
        named = matches(name)
        if not named and not name.startswith(PARTIAL_PREFIX):
            continue
        path = f"{place}/{name}"
        if (found := _found(path)) and now - found.st_mtime > grace_seconds:
            yield Leftover(path, _job_of(named["job"]) if named else None, found.st_size)


def old_uploads(store: MediaStore, grace_seconds: float) -> Iterator[Leftover]:
    """Folders ``temp/{slot_id}/{job_id}`` that nothing has touched for the grace time and nobody works on."""
    now, temp = time.time(), os.fspath(store.temp)
    for slot in _inside(temp):
        for upload in _inside(f"{temp}/{slot}"):
            folder = f"{temp}/{slot}/{upload}"
            own = _found(folder)
            files = [file for name in _inside(folder) if (file := _found(f"{folder}/{name}"))]
            old = own and now - max(file.st_mtime for file in (own, *files)) > grace_seconds
            if old and not is_locked(Path(folder)):
                yield Leftover(folder, _job_of(upload), sum(file.st_size for file in files))


def remove(leftover: Leftover) -> None:
    """Delete a leftover; missing is fine, anything else that fails is raised."""
    path = Path(leftover.place)
    try:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    except FileNotFoundError:
        if path.exists():  # only something in it went meanwhile
            remove(leftover)
