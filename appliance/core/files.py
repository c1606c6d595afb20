"""Files that appear whole or not at all, and a full disk as an expected failure."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from appliance.core.errors import StorageFull

PARTIAL_PREFIX = ".partial-"


@contextlib.contextmanager
def storage_errors() -> Iterator[None]:
    """Turn a full disk or quota into ``StorageFull``."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(retry_after=60) from error
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
            _sync_folder(target.parent)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def _sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
