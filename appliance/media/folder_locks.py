"""Which folders of uploads are in use: their process holds a lock, which ends with it, however that ends.

Age alone does not tell: a clock that was put right makes a photo under way look an hour old.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path


class FolderLocks:
    """The locks of this process."""

    def __init__(self) -> None:
        self._descriptors: dict[Path, int] = {}

    def lock(self, folder: Path) -> None:
        """Hold ``folder`` until ``unlock``; on a file system without locks its age has to tell."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._descriptors[folder] = descriptor
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def unlock(self, folder: Path) -> None:
        """Let go of ``folder``; of one that is not held, too."""
        descriptor = self._descriptors.pop(folder, None)
        if descriptor is not None:
            os.close(descriptor)


def is_locked(folder: Path) -> bool:
    """Whether any process, this one included, holds ``folder``."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
