"""Files of pictures under the media folder.

A row holds a relative key made here (``results/{job_id}.jpg``), never an absolute path and never
a client's file name. Bytes appear by temp + fsync + rename; removal is repeatable.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from appliance.core.errors import StorageFull
from appliance.core.files import LOW_DISK_BYTES, storage_errors, write_durably
from appliance.core.images import EXTENSIONS, JPEG, WEBP, EncodedImage
from appliance.core.threads import finish_in_thread
from appliance.media.folder_locks import FolderLocks, is_locked

ROOM_OF_A_PHOTO = 32 * 1024 * 1024  # the largest upload, its picture and their previews
FOLDERS = ("temp", "results", "templates", "previews", "sources")
RESULT = "s"  # stands in the names of a result's screen sizes: ``{job_id}.s960.webp``
OWN_PHOTO = "b"  # in those of a guest's own photo: ``{job_id}.b960.webp``
SCREEN_WIDTHS = (96, 320, 640, 960, 1440, 2048)
SCREEN_TYPES = (WEBP, JPEG)

_ENDINGS = {
    part: tuple(f"{part}{width}.{kind.extension}" for width in SCREEN_WIDTHS for kind in SCREEN_TYPES)
    for part in (RESULT, OWN_PHOTO)
}
_ENDINGS[""] = (WEBP.extension, *_ENDINGS[RESULT], *_ENDINGS[OWN_PHOTO])
_KEY = re.compile(r"(?:results|templates|previews|sources)/[A-Za-z0-9][A-Za-z0-9_.-]{0,100}")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in the store: its key, its type, and its size in bytes."""

    key: str
    media_type: str
    size: int


class MediaStore:
    """The media folder of one appliance.

    ``temp``: where uploads lie while they are worked at, else ``temp`` in the folder. Machines that share the
    folder have one each: the locks on uploads count on their own machine only.
    """

    def __init__(self, root: Path, temp: Path | None = None) -> None:
        self.root = root
        self.temp = temp or root / "temp"
        self._locks = FolderLocks()

    def has_folders(self) -> bool:
        """Whether pictures have a place: they have not before a first start, and when their disk is away."""
        return (self.root / "results").is_dir()

    def make_folders(self) -> None:
        """Create what is missing below the root."""
        for name in FOLDERS:
            (self.root / name).mkdir(parents=True, exist_ok=True)
        self.temp.mkdir(parents=True, exist_ok=True)

    def path(self, key: str) -> Path:
        """Where ``key`` lies; raises ``ValueError`` for anything that is not one of our keys."""
        if not _KEY.fullmatch(key):
            raise ValueError("not a media key")
        return self.root / key

    def temp_folder(self, slot_id: str, job_id: uuid.UUID) -> Path:
        """The folder of one upload: ``temp/{slot_id}/{job_id}``."""
        return self.temp / slot_id / str(job_id)

    def make_temp(self, slot_id: str, job_id: uuid.UUID) -> Path:
        """Create one upload's folder; raises ``StorageFull``, and that before the disk is full.

        So the database, which may lie on the same disk, is never the one that finds no room.
        """
        folder = self.temp_folder(slot_id, job_id)
        with storage_errors():
            self.require_disk()  # what is put where it is to be mounted would be hidden later
            free = shutil.disk_usage(self.root).free
            if free < self.refuses_below(free):
                raise StorageFull(retry_after=60)
            folder.mkdir(parents=True)
            self._locks.lock(folder)
        return folder

    def is_in_use(self, slot_id: str, job_id: uuid.UUID) -> bool:
        """Whether a process works on this upload right now."""
        return is_locked(self.temp_folder(slot_id, job_id))

    def refuses_below(self, free: int) -> int:
        """Free space in bytes below which no photo is taken: more, the more of them are on their way.

        They are only counted where, with ``free`` bytes left, it could matter.
        """
        if free > LOW_DISK_BYTES + 64 * ROOM_OF_A_PHOTO:
            return LOW_DISK_BYTES
        return LOW_DISK_BYTES + ROOM_OF_A_PHOTO * sum(1 for _ in self.temp.glob("*/*"))

    def drop_temp(self, slot_id: str, job_id: uuid.UUID) -> None:
        """Remove one upload's folder with all in it; missing is fine."""
        folder = self.temp_folder(slot_id, job_id)
        shutil.rmtree(folder, ignore_errors=True)
        self._locks.unlock(folder)

    async def put_result(self, job_id: uuid.UUID, picture: EncodedImage) -> StoredFile:
        """Store a finished picture as ``results/{job_id}.{ext}``, durable when this returns.

        Raises ``StorageFull``; nothing is left behind then.
        """
        key = f"results/{job_id}.{picture.kind.extension}"
        await self.put(key, picture.data)
        return StoredFile(key, picture.media_type, len(picture.data))

    async def put(self, key: str, data: bytes) -> None:
        """Store a file under one of our keys, durable when this returns; raises ``StorageFull``."""
        await finish_in_thread(write_durably, self.path(key), data)

    async def keep_source(self, job_id: uuid.UUID, photo: Path, media_type: str) -> str:
        """Keep a guest's own photo as ``sources/{job_id}.{ext}``; ``photo`` itself may go afterwards."""
        key = f"sources/{job_id}.{EXTENSIONS[media_type]}"
        await finish_in_thread(_link_or_copy, photo, self.path(key))
        return key

    async def copy_source(self, key: str, target: Path) -> None:
        """Put a kept photo at ``target`` as well; raises ``FileNotFoundError``."""
        await finish_in_thread(_link_or_copy, self.path(key), target)

    async def read(self, key: str) -> bytes:
        """The whole file; raises ``FileNotFoundError``."""
        return await asyncio.to_thread(self.path(key).read_bytes)

    def require_disk(self) -> None:
        """Raise ``StorageFull`` where the folder as a whole is away, as when its disk is not mounted.

        What is missing then is only missing for the moment: nobody may be told that it is gone.
        """
        with storage_errors():
            (self.root / "results").stat()

    def is_missing(self, key: str) -> bool:
        """Whether a file is gone; raises ``StorageFull`` where that cannot be told, for its disk is away."""
        with storage_errors():
            try:
                self.path(key).stat()
            except (FileNotFoundError, NotADirectoryError):
                self.require_disk()
                return True
        return False

    def size(self, key: str) -> int:
        """Bytes of a file; raises ``FileNotFoundError``."""
        return self.path(key).stat().st_size

    def remove_results(self, job_id: uuid.UUID) -> int:
        """Delete whatever result a job has; returns the bytes freed."""
        return sum(self.remove(f"results/{job_id}.{extension}") for extension in EXTENSIONS.values())

    def forget(self, job_id: uuid.UUID, *keys: str | None) -> int:
        """Delete a job's files under ``keys`` and every preview; returns the bytes freed. Repeatable."""
        return sum(self.remove(key) for key in keys if key) + self.remove_previews(job_id)

    def remove_previews(self, job_id: uuid.UUID, part: str = "") -> int:
        """Delete every preview of a job's pictures, or those of one ``part``; returns the bytes freed.

        By their names: a look into the folder would read those of all other jobs.
        """
        folder, freed = os.fspath(self.root / "previews"), 0
        for ending in _ENDINGS[part]:
            path = f"{folder}/{job_id}.{ending}"
            if not os.access(path, os.F_OK):  # as most: an exception for each takes three times as long
                continue
            with contextlib.suppress(FileNotFoundError):
                size = os.stat(path).st_size  # noqa: PTH116 - a job has many names, and few files
                os.unlink(path)  # noqa: PTH108
                freed += size
        return freed

    def remove(self, key: str) -> int:
        """Delete a file; returns the bytes freed, 0 if it was gone already."""
        target = self.path(key)
        try:
            size = target.stat().st_size
            target.unlink()
        except FileNotFoundError:
            return 0
        return size


def _link_or_copy(source: Path, target: Path) -> None:
    """Another name for the same bytes; a copy where the file system has no such names."""
    source.stat()  # that it is gone is no fault of the disk
    with storage_errors():
        try:
            target.hardlink_to(source)
        except OSError:
            shutil.copyfile(source, target)
