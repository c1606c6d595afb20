"""Files of the folder of backups that are still being written, and what is left of them after a kill.

Whoever writes one holds a lock on it: a program that is killed leaves the file and not the lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import time
from pathlib import Path
from typing import IO

import structlog

from appliance.backups.names import NAME, PARTIAL

log = structlog.get_logger()

_UNTOUCHED = 300.0  # seconds; an earlier version, which an upgrade replaces right now, holds no lock
_UNTOUCHED_WITHOUT_LOCKS = 86400.0  # on a share that knows none


def end_in_order() -> None:
    """From now on SIGTERM breaks the verb off as an error would, which leaves nothing half done; the second
    one ends it at once.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101 - a verb runs in one

    def broken_off() -> None:
        loop.remove_signal_handler(signal.SIGTERM)
        task.cancel()

    loop.add_signal_handler(signal.SIGTERM, broken_off)


def hold(file: IO[bytes]) -> None:
    """Show that ``file`` is being written, until it is closed."""
    with contextlib.suppress(OSError):  # a share without locks
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def remove_left(folder: Path) -> None:
    """Remove what nobody writes any more: it takes the room of the next backup."""
    for path in folder.glob(f"{NAME}*{PARTIAL}"):
        with contextlib.suppress(OSError):  # it has its name by now, or another one removed it
            if _is_left(path):
                path.unlink()
                log.warning("backup.left_over_removed", name=path.name)


def _is_left(path: Path) -> bool:
    with path.open("rb") as file:
        age = abs(time.time() - os.fstat(file.fileno()).st_mtime)
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return age > _UNTOUCHED_WITHOUT_LOCKS
    return age > _UNTOUCHED
