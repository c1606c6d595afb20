"""Room that is kept free while a backup's tables are filled.

PostgreSQL stops when its disk is full, and cannot start again until somebody makes room.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from appliance.core.language import Message
from appliance.lifecycle.backup.problem import BackupProblem

T = TypeVar("T")

_SECONDS = 0.1  # between two looks: a server writes some ten megabytes meanwhile


async def keeping_free(least: int, folders: tuple[Path, ...], work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` returns; a ``BackupProblem`` ends it where it leaves less than ``least`` bytes."""
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait({task}, timeout=_SECONDS))[0]:
            for folder in folders:
                _require(least, folder)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
    return task.result()


def _require(least: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < least:
        raise BackupProblem(
            Message(
                "There is not enough room for the tables of this backup: only %(free)s MB were left in "
                "%(folder)s. Free some room and try again.",
                folder=folder,
                free=free // 10**6,
            )
        )
