"""A trial restore or a restore that would fill the disk ends before the database's server does."""

from __future__ import annotations

import asyncio
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from appliance.lifecycle.backup.problem import BackupProblem
from appliance.lifecycle.backup.room import keeping_free

Usage = namedtuple("Usage", "total used free")  # noqa: PYI024 - as shutil's own


async def test_what_leaves_room_goes_on_to_its_end(tmp_path: Path) -> None:
    async def filled() -> int:
        await asyncio.sleep(0.3)
        return 7

    assert await keeping_free(1, (tmp_path,), filled()) == 7


async def test_what_fills_the_disk_is_undone_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undone = asyncio.Event()

    async def filled() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            undone.set()

    free = iter([500, 300, 99])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1000, 0, next(free)))
    with pytest.raises(BackupProblem, match="not enough room for the tables"):
        await asyncio.wait_for(keeping_free(100, (tmp_path,), filled()), 10)
    assert undone.is_set()


async def test_what_fails_by_itself_says_so(tmp_path: Path) -> None:
    async def filled() -> None:
        raise OSError("of its own")

    with pytest.raises(OSError, match="of its own"):
        await keeping_free(1, (tmp_path,), filled())
