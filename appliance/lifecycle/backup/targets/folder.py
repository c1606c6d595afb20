"""A folder of this machine. It is never made: where its disk is not mounted, it is not there."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.backups.names import PARTIAL
from appliance.core.files import sync_folder
from appliance.lifecycle.backup.targets.base import BLOCK, TargetFile, TargetProblem, Upload

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_READ_ONLY = {errno.EACCES, errno.EPERM, errno.EROFS}


class FolderAtHand:
    """The folder at ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def files(self) -> list[TargetFile]:
        return await asyncio.to_thread(self._files)

    def _files(self) -> list[TargetFile]:
        with _told():
            found = [path for path in self._path.iterdir() if path.is_file()]
            return [TargetFile(path.name, path.stat().st_size) for path in found]

    async def put(self, name: str, upload: Upload) -> None:
        partial, final = self._path / f"{name}{PARTIAL}", self._path / name
        with _told():
            try:
                await self._write(partial, upload)
                await upload.compare(self.read(partial.name))
                await asyncio.to_thread(partial.replace, final)
                await asyncio.to_thread(sync_folder, self._path)
            except BaseException:
                partial.unlink(missing_ok=True)
                raise

    async def _write(self, partial: Path, upload: Upload) -> None:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            async for block in upload.blocks():
                await asyncio.to_thread(file.write, block)
            await asyncio.to_thread(_settle, file.fileno())

    async def read(self, name: str) -> AsyncGenerator[bytes, None]:
        with _told(), (self._path / name).open("rb") as file:
            while block := await asyncio.to_thread(file.read, BLOCK):
                yield block

    async def remove(self, name: str) -> None:
        with _told():
            (self._path / name).unlink(missing_ok=True)


def _settle(descriptor: int) -> None:
    """On the disk, and out of memory: what is read back comes from the disk."""
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


@contextmanager
def _told() -> Iterator[None]:
    """What the system says, as a ``TargetProblem``; a file that is missing in the folder stays so."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        said = error.strerror or type(error).__name__
        if error.errno in _FULL:
            raise TargetProblem("full", said) from None
        if error.errno in _READ_ONLY:
            raise TargetProblem("not_writable", said) from None
        if isinstance(error, NotADirectoryError):
            raise TargetProblem("missing", said) from None
        raise TargetProblem("failed", said) from None
