"""Files that appear whole or not at all; a disk that is full, read-only or away as an expected failure."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from appliance.core.errors import StorageFull
from appliance.core.language import Message

PARTIAL_PREFIX = ".partial-"
LOW_DISK_BYTES = 256 * 1024 * 1024
_FULL = (errno.ENOSPC, errno.EDQUOT)
# A disk that became read-only, broke, was unmounted, or whose folder is missing or somebody else's.
_AWAY = (
    *(errno.EROFS, errno.EIO, errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM),
    *(errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ENOTCONN, errno.ESHUTDOWN, errno.EHOSTDOWN),
)


@contextlib.contextmanager
def storage_errors() -> Iterator[None]:
    """Turn what a disk says that takes nothing (any more) into ``StorageFull``."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(retry_after=60) from error
        if error.errno in _AWAY:
            raise StorageFull(
                Message(
                    "The picture folder cannot be used (%(error)s). Check its disk; nothing was lost.",
                    error=error.strerror,
                ),
                retry_after=60,
            ) from error
        raise


def write_durably(target: Path, data: bytes) -> None:
    """Write ``target`` by temp + fsync + rename; raises ``StorageFull`` and leaves nothing behind then."""
    partial = target.with_name(PARTIAL_PREFIX + uuid.uuid4().hex)
    with storage_errors():
        try:
            with partial.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
            sync_folder(target.parent)
        except BaseException:
            with contextlib.suppress(OSError):  # on a disk that cannot be written to
                partial.unlink(missing_ok=True)
            raise


def sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some shares cannot
            raise
    finally:
        os.close(handle)
