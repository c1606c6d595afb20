"""Files of pictures under the media folder.

A row holds a relative key made here (``results/{job_id}.jpg``), never an absolute path and never
a client's file name. Bytes appear by temp + fsync + rename; removal is repeatable.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from appliance.core.errors import StorageFull

EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
FOLDERS = ("temp", "results", "templates", "previews")
PARTIAL_PREFIX = ".partial-"

_KEY = re.compile(r"(?:results|templates|previews)/[A-Za-z0-9][A-Za-z0-9_.-]{0,100}")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in the store: its key, its type, and its size in bytes."""

    key: str
    media_type: str
    size: int


@contextlib.contextmanager
def storage_errors() -> Iterator[None]:
    """Turn a full disk or quota into ``StorageFull``."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(retry_after=60) from error
        raise


class MediaStore:
    """The media folder of one appliance."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def make_folders(self) -> None:
        """Create what is missing below the root."""
        for name in FOLDERS:
            (self.root / name).mkdir(parents=True, exist_ok=True)

    def path(self, key: str) -> Path:
        """Where ``key`` lies; raises ``ValueError`` for anything that is not one of our keys."""
        if not _KEY.fullmatch(key):
            raise ValueError("not a media key")
        return self.root / key

    def temp_folder(self, slot_id: str, job_id: uuid.UUID) -> Path:
        """The folder of one upload: ``temp/{slot_id}/{job_id}``."""
        return self.root / "temp" / slot_id / str(job_id)

    def make_temp(self, slot_id: str, job_id: uuid.UUID) -> Path:
        """Create one upload's folder; raises ``StorageFull``."""
        folder = self.temp_folder(slot_id, job_id)
        with storage_errors():
            folder.mkdir(parents=True)
        return folder

    def drop_temp(self, slot_id: str, job_id: uuid.UUID) -> None:
        """Remove one upload's folder with all in it; missing is fine."""
        shutil.rmtree(self.temp_folder(slot_id, job_id), ignore_errors=True)

    async def put_result(self, job_id: uuid.UUID, data: bytes, media_type: str) -> StoredFile:
        """Store a finished picture as ``results/{job_id}.{ext}``, durable when this returns.

        Raises ``StorageFull``; nothing is left behind then.
        """
        key = f"results/{job_id}.{EXTENSIONS[media_type]}"
        await asyncio.to_thread(self._write, key, data)
        return StoredFile(key, media_type, len(data))

    def _write(self, key: str, data: bytes) -> None:
        target = self.path(key)
        partial = target.with_name(PARTIAL_PREFIX + uuid.uuid4().hex)
        with storage_errors():
            try:
                with partial.open("xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                partial.replace(target)
                _sync_folder(target.parent)
            except BaseException:
                partial.unlink(missing_ok=True)
                raise

    async def read(self, key: str) -> bytes:
        """The whole file; raises ``FileNotFoundError``."""
        return await asyncio.to_thread(self.path(key).read_bytes)

    def remove(self, key: str) -> int:
        """Delete a file; returns the bytes freed, 0 if it was gone already."""
        target = self.path(key)
        try:
            size = target.stat().st_size
            target.unlink()
        except FileNotFoundError:
            return 0
        return size


def _sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
