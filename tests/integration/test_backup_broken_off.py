"""A backup or a proof that is broken off, by a signal or a full disk, stands in no later one's way."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import gc
import io
import os
import shutil
import signal
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.backups.names import PARTIAL
from appliance.core.files import LOW_DISK_BYTES
from appliance.lifecycle.backup import archive, proving, restore
from appliance.lifecycle.backup import write as backup
from appliance.lifecycle.backup.problem import BackupProblem
from tests.integration.test_backup_sending import PASSPHRASE, Box, box, environment
from tests.support.backups import another_machine, made, put_in
from tests.support.stack import CHECKOUT, Stack
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("quick_sealing")

__all__ = ["box"]

LEFT = "photochanger-2020010{}T000000Z.tar.age" + PARTIAL


def partials(folder: Path) -> list[str]:
    return [path.name for path in folder.glob(f"*{PARTIAL}")]


async def begun(box: Box, verb: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *box.command(verb), cwd=CHECKOUT, env=environment(box.settings),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


async def trial_databases(stack: Stack) -> int:
    found: int = await stack.value("select count(*) from pg_database where datname like '%_proof_%'")
    return found


async def test_a_backup_that_is_asked_to_end_leaves_nothing_half_done(box: Box) -> None:
    folder = box.settings.backup_dir
    assert folder
    large = box.settings.media_root / "results/large.bin"
    with large.open("wb") as file:
        file.truncate(10**9)
    try:
        process = await begun(box, "backup")
        await until(lambda: partials(folder))
        process.terminate()
        _, errors = await process.communicate()
    finally:
        large.unlink()
    assert process.returncode == 143
    assert b"Error" not in errors
    assert list(folder.iterdir()) == []


async def test_what_a_killed_backup_left_does_not_take_the_room_of_the_next(box: Box) -> None:
    folder = box.settings.backup_dir
    assert folder
    folder.mkdir()
    left, at_work, fresh = (folder / LEFT.format(day) for day in (1, 2, 3))
    for path in (left, at_work, fresh):
        path.write_bytes(b"half")
    for path in (left, at_work):
        os.utime(path, (time.time() - 900, time.time() - 900))
    with at_work.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        await box.back_up()
    assert set(partials(folder)) == {at_work.name, fresh.name}


async def test_two_backups_that_begin_in_the_same_second_are_two_files(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    moments = iter([now, now, now + timedelta(seconds=1)])
    monkeypatch.setattr(backup, "utcnow", lambda: next(moments, now))
    made = await asyncio.gather(box.back_up(), box.back_up())
    assert len(set(made)) == 2


async def test_a_proof_that_is_asked_to_end_leaves_no_database_and_neither_does_one_that_was_killed(
    box: Box, stack: Stack
) -> None:
    await box.back_up(None)
    for sign, code, left in ((signal.SIGTERM, 143, 0), (signal.SIGKILL, -signal.SIGKILL, 1)):
        process = await begun(box, "prove-backup")
        await until(lambda: trial_databases(stack), seconds=60)
        process.send_signal(sign)
        await process.communicate()
        assert (process.returncode, await trial_databases(stack)) == (code, left)

    async def dropped() -> bool:
        await proving.drop_left(box.settings)
        return not await trial_databases(stack)

    await until(
        dropped, seconds=20, every=0.2
    )  # the server needs a moment to see that nobody proves any more


def test_a_disk_that_is_full_has_the_last_word() -> None:
    class FullDisk(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):  # noqa: SIM117
        with archive.Writer(FullDisk(), None) as writer:
            writer.add("media/results/a.jpg", io.BytesIO(bytes(100_000)), 100_000)
    del writer
    gc.collect()  # a second failure would be printed here, and pytest would tell of it


async def test_restored_pictures_are_on_the_disk_before_their_rows(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (stack.media / "results/kept.bin").write_bytes(b"a picture")
    try:
        file = await made(stack, tmp_path)
    finally:
        (stack.media / "results/kept.bin").unlink()
    async with another_machine(stack, tmp_path / "there", "durable") as there:
        seen: list[bool] = []

        def sync() -> None:
            seen.append((there.media_root / "results/kept.bin").exists())

        async def restored(*_: object) -> None:
            assert seen == [True]
            raise BackupProblem("far enough")

        monkeypatch.setattr(os, "sync", sync)
        monkeypatch.setattr(restore, "restore_database", restored)
        with pytest.raises(BackupProblem, match="far enough"):
            await put_in(there, file)


async def test_a_trial_restore_that_would_fill_the_disk_ends_and_leaves_no_database(
    stack: Stack, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    await box.back_up()
    begin = restore.restore_database

    async def slowly(*given: Any) -> None:
        await begin(*given)
        await asyncio.sleep(30)

    async def is_filling(monkeypatch: pytest.MonkeyPatch) -> None:
        await until(lambda: trial_databases(stack))
        usage = shutil.disk_usage(box.settings.media_root)._replace(free=LOW_DISK_BYTES)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)

    monkeypatch.setattr(restore, "restore_database", slowly)
    filling = asyncio.create_task(is_filling(monkeypatch))
    proof = await proving.prove(box.settings, box.database, PASSPHRASE, by="serg")
    await filling
    assert "not enough room for the tables" in str(proof.problem)
    assert not await trial_databases(stack)


async def test_a_backup_begins_only_where_there_is_room_for_its_rows_too(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = box.settings.backup_dir
    assert folder
    folder.mkdir(exist_ok=True)
    usage = shutil.disk_usage(folder)._replace(free=256 * 1024 * 1024 + 10**6)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(BackupProblem, match="not enough room for a backup"):
        await backup.make(box.settings, backup.BackupRequest(str(folder), PASSPHRASE, database_only=True))
    assert not partials(folder)
