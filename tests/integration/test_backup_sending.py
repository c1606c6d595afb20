"""The newest backup goes to the target: whole or not at all, again when it failed, old ones make room."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.backups.models import BackupTarget
from appliance.backups.names import DIGEST, MARKER, PARTIAL
from appliance.backups.repository import BackupRepository, config_of, own_marker
from appliance.backups.target import TargetConfig
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.encryption import EncryptionKeys
from appliance.core.secrets import BackupPassphrase
from appliance.jobs.tally import all_sums
from appliance.lifecycle.backup import fetching, sending
from appliance.lifecycle.backup import write as backup
from appliance.lifecycle.backup.problem import BackupProblem
from appliance.lifecycle.backup.targets.base import TargetProblem
from appliance.lifecycle.backup.targets.trying import try_out
from appliance.migrations.runner import upgrade
from appliance.settings.environment import Settings
from tests.support import backup_targets as servers
from tests.support.backups import another_machine, made, put_in
from tests.support.stack import CHECKOUT, Stack, clean_environment
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("quick_sealing")

PASSPHRASE = "correct horse battery staple"
OLD = [f"photochanger-2020010{day}T000000Z.tar.age" for day in range(1, 6)]


@dataclass
class Box:
    """An appliance with a folder as its target."""

    settings: Settings
    database: Database
    shelf: Path

    async def row(self) -> BackupTarget:
        async with self.database.session() as session:
            found = await BackupRepository(session).target()
        assert found
        return found

    async def change(self, **values: Any) -> None:
        async with self.database.session() as session:
            backups = BackupRepository(session)
            row = await backups.target()
            assert row
            await backups.note(row, **values)

    async def back_up(self, passphrase: str | None = PASSPHRASE) -> str:
        request = backup.BackupRequest(str(self.settings.backup_dir), passphrase)
        return Path((await backup.make(self.settings, request)).path).name

    async def send(self, *, if_due: bool = False) -> sending.Sent:
        return await sending.send(self.settings, self.database, if_due=if_due)

    def names(self) -> set[str]:
        return {path.name for path in self.shelf.iterdir()} - {MARKER}

    def verb(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), cwd=CHECKOUT, env=environment(self.settings), input=given,
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "appliance", *arguments]


def environment(settings: Settings) -> dict[str, str]:
    """What a verb on this machine works with."""
    names = ("database_url", "media_root", "secrets_dir", "backup_dir", "config_file", "listen")
    return clean_environment(
        **{f"PHOTOCHANGER_{name.upper()}": str(getattr(settings, name)) for name in names}
    )


async def set_target(box: Box, address: dict[str, Any], secrets: dict[str, str]) -> None:
    async with box.database.session() as session:
        marker = own_marker(await BackupRepository(session).target())
    config = TargetConfig.model_validate({"address": address, "secrets": secrets, "marker": marker})
    tried = await try_out(box.settings, config)
    assert tried.ok, tried
    async with box.database.session() as session:
        await BackupRepository(session).set_target(
            config, EncryptionKeys(box.settings.secrets_dir), tried, by="serg", keep=3, most_kilobytes=None
        )


@pytest.fixture
async def box(stack: Stack, tmp_path: Path) -> AsyncIterator[Box]:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    async with another_machine(stack, tmp_path / "box", "sender") as settings:
        await put_in(settings, await made(stack, tmp_path / "given", PASSPHRASE), PASSPHRASE)
        database = Database(settings.sqlalchemy_url(), pool_size=2)
        one = Box(settings, database, shelf)
        try:
            await set_target(one, {"kind": "folder", "path": str(shelf)}, {})
            yield one
        finally:
            await database.aclose()


async def test_the_newest_backup_is_sent_once_and_others_can_check_it(box: Box) -> None:
    name = await box.back_up()
    sent = await box.send()
    assert box.names() == {name, name + DIGEST}
    assert (box.shelf / name).stat().st_size == sent.size
    subprocess.run(["sha256sum", "--check", "--strict", name + DIGEST], cwd=box.shelf, check=True)  # noqa: ASYNC221
    row = await box.row()
    assert (row.sent_name, row.sent_size, row.failure, row.step) == (name, sent.size, None, None)
    with pytest.raises(sending.NothingToSend, match="already"):
        await box.send(if_due=True)
    async with box.database.session() as session:
        moments = {one.labels.get("task"): one.value for one in await all_sums(session)}
    assert abs(moments["backup_off_the_box"] - utcnow().timestamp()) < 60


async def test_older_ones_make_room_by_count_and_nothing_of_others_is_touched(box: Box) -> None:
    for name in OLD:
        (box.shelf / name).write_bytes(b"old")
        (box.shelf / (name + DIGEST)).write_bytes(b"digest")
    broken = "photochanger-20200109T000000Z.tar.age"
    (box.shelf / broken).write_bytes(b"half")
    (box.shelf / (OLD[0] + PARTIAL)).write_bytes(b"half")
    foreign = {"photochanger-notes.txt", "holiday.tar.age", "photochanger-20200101T000000Z.tar"}
    for name in foreign:
        (box.shelf / name).touch()
    name = await box.back_up()
    sent = await box.send()
    assert sent.removed == 3
    kept = {name, *OLD[3:]}
    assert box.names() == kept | {one + DIGEST for one in kept} | foreign


async def test_the_one_just_sent_stays_even_if_a_wrong_clock_made_later_ones(box: Box) -> None:
    await box.change(keep=1)
    later = "photochanger-20990101T000000Z.tar.age"
    for name in (later, later + DIGEST):
        (box.shelf / name).touch()
    name = await box.back_up()
    await box.send()
    assert box.names() == {name, name + DIGEST}


async def test_a_backup_that_is_not_sealed_never_leaves_the_machine(box: Box) -> None:
    await box.back_up(None)
    with pytest.raises(TargetProblem, match="only encrypted ones leave"):
        await box.send()
    assert box.names() == set()
    assert (await box.row()).failure == "not_sealed"


async def test_a_target_that_is_away_is_tried_again_within_the_hour_and_not_each_quarter(box: Box) -> None:
    name = await box.back_up()
    box.shelf.rename(box.shelf.with_name("unplugged"))
    with pytest.raises(TargetProblem):
        await box.send(if_due=True)
    row = await box.row()
    assert (row.failure, row.sent_name) == ("missing", None)
    began = row.failing_since
    box.shelf.with_name("unplugged").rename(box.shelf)
    with pytest.raises(sending.NothingToSend, match="within the hour"):
        await box.send(if_due=True)
    (box.shelf / MARKER).unlink()
    await box.change(tried_at=utcnow() - timedelta(minutes=56))
    with pytest.raises(TargetProblem):
        await box.send(if_due=True)
    row = await box.row()
    assert (row.failure, row.failing_since) == ("not_mounted", began)
    assert list(box.shelf.iterdir()) == []
    await set_target(box, {"kind": "folder", "path": str(box.shelf)}, {})
    assert (await box.send(if_due=True)).name == name
    assert (await box.row()).failing_since is None


async def test_an_upload_that_is_killed_counts_for_nothing_and_the_next_one_is_whole(box: Box) -> None:
    name = await box.back_up()
    await box.change(most_kilobytes=1)
    process = await asyncio.create_subprocess_exec(
        *box.command("send-backup"), cwd=CHECKOUT, env=environment(box.settings),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    await until(lambda: (box.shelf / (name + PARTIAL)).exists(), seconds=60)  # noqa: PLW0108
    with pytest.raises(sending.NothingToSend, match="already being sent"):
        await box.send()
    process.send_signal(signal.SIGKILL)
    await process.wait()
    assert box.names() == {name + PARTIAL}
    config = config_of(await box.row(), EncryptionKeys(box.settings.secrets_dir))
    assert await fetching.at_target(config) == []
    await box.change(most_kilobytes=None)
    await until(lambda: _sent(box), seconds=20, every=0.2)
    assert box.names() == {name, name + DIGEST}


async def _sent(box: Box) -> bool:
    """The server needs a moment to see that the one who was killed holds no lock any more."""
    try:
        await box.send()
    except sending.NothingToSend:
        return False
    return True


async def test_a_backup_that_was_on_its_way_to_another_target_is_sent_to_the_new_one_too(box: Box) -> None:
    name = await box.back_up()
    assert box.settings.backup_dir
    size = (box.settings.backup_dir / name).stat().st_size
    await box.change(most_kilobytes=max(1, size // 1000))  # so it takes a second to write and one to check
    sending_it = asyncio.create_task(box.send())
    await until((box.shelf / (name + PARTIAL)).exists, seconds=60)
    other = box.shelf.with_name("other-shelf")
    other.mkdir()
    await set_target(box, {"kind": "folder", "path": str(other)}, {})
    with pytest.raises(BackupProblem, match="target was changed while"):
        await sending_it
    row = await box.row()
    assert (row.sent_name, row.sent_at, row.step) == (None, None, None)
    assert (await box.send(if_due=True)).name == name
    assert (other / name).exists()


async def test_two_who_set_the_first_target_at_once_both_have_it_set(box: Box) -> None:
    keys = EncryptionKeys(box.settings.secrets_dir)
    config = config_of(await box.row(), keys)
    tried = await try_out(box.settings, config)

    async def kept(backups: BackupRepository, who: str) -> None:
        await backups.set_target(config, keys, tried, by=who, keep=3, most_kilobytes=None)

    async def igors() -> None:
        async with box.database.session() as session:
            await kept(BackupRepository(session), "igor")

    async with box.database.session() as session:
        await BackupRepository(session).forget_target()
    async with box.database.session() as session:
        await kept(BackupRepository(session), "serg")
        second = asyncio.create_task(igors())
        await asyncio.wait({second}, timeout=0.5)
    await second
    assert (await box.row()).set_by == "igor"


@pytest.mark.parametrize("is_taken_over", [False, True])
async def test_what_is_there_stays_where_a_target_is_forgotten_or_taken_over_as_a_backup_is_sent(
    box: Box, is_taken_over: bool
) -> None:
    for name in OLD:
        (box.shelf / name).write_bytes(b"old")
        (box.shelf / (name + DIGEST)).write_bytes(b"digest")
    of_another = "photochanger-20990101T000000Z.tar.age" + PARTIAL  # on its way
    there = box.names() | {of_another}
    name = await box.back_up()
    assert box.settings.backup_dir
    size = (box.settings.backup_dir / name).stat().st_size  # the suite's history grows
    # So it takes some seconds to write and some to check.
    await box.change(most_kilobytes=max(20, size // 8192))
    sending_it = asyncio.create_task(box.send())
    await until((box.shelf / (name + PARTIAL)).exists, seconds=60)
    (box.shelf / of_another).write_bytes(b"half")
    if is_taken_over:
        (box.shelf / MARKER).write_text('{"marker": "of another machine"}')
        with pytest.raises(TargetProblem, match="Another appliance"):
            await sending_it
        assert box.names() == there | {name}
        return
    async with box.database.session() as session:
        await BackupRepository(session).forget_target()
    with pytest.raises(BackupProblem, match="target was changed while"):
        await asyncio.wait_for(sending_it, 3 * sending._NOTE_EVERY)
    assert box.names() == there


async def test_a_fresh_machine_restores_from_the_target_with_only_the_passphrase(
    box: Box, stack: Stack, tmp_path: Path
) -> None:
    name = await box.back_up()
    async with servers.asyncssh_server(box.shelf) as shelf:
        await set_target(box, shelf.address(), shelf.secrets)
        await box.send()
        given = json.dumps({"address": shelf.address(), "secrets": shelf.secrets, "keep": 3})
        async with another_machine(stack, tmp_path / "fresh", "fresh") as settings:
            fresh = Box(settings, Database(settings.sqlalchemy_url(), pool_size=1), box.shelf)
            try:
                await _restored(fresh, given, name)
            finally:
                await fresh.database.aclose()
        await box.change(sent_name=None)
        with pytest.raises(TargetProblem, match="Another appliance keeps its backups there"):
            await box.send()


async def _restored(fresh: Box, given: str, name: str) -> None:
    await asyncio.to_thread(upgrade, fresh.settings.sqlalchemy_url())
    asked = await asyncio.to_thread(fresh.verb, "backup-target", "set", given=given)
    assert "belongs to another machine" in asked.stdout, asked.stderr
    restored = await asyncio.to_thread(
        fresh.verb, "restore", "--from-target", "--passphrase-file", "-", given=PASSPHRASE + "\n"
    )
    assert restored.returncode == 0, restored.stderr
    assert "until this machine takes it over" in restored.stdout
    assert (await fresh.row()).held
    assert fresh.settings.backup_dir
    assert (fresh.settings.backup_dir / name).exists()
    assert (fresh.settings.secrets_dir / "jwt-keys.json").exists()
    taken = await asyncio.to_thread(fresh.verb, "backup-target", "take-over")
    assert taken.returncode == 0, taken.stderr
    assert not (await fresh.row()).held


async def test_what_opens_the_target_is_encrypted_and_follows_a_new_encryption_key(
    box: Box, tmp_path: Path
) -> None:
    async with servers.asyncssh_server(box.shelf) as shelf:
        await set_target(box, shelf.address(), shelf.secrets)
    row = await box.row()
    assert row.encrypted
    assert servers.PASSWORD.encode() not in row.encrypted
    assert servers.PASSWORD not in json.dumps(row.address)
    done = await asyncio.to_thread(box.verb, "rotate-encryption-key", "--retire-old")
    assert done.returncode == 0, done.stderr
    config = config_of(await box.row(), EncryptionKeys(box.settings.secrets_dir))
    assert config.secrets.plain() == shelf.secrets


async def test_a_backup_asked_for_by_hand_is_sent_at_once(box: Box) -> None:
    BackupPassphrase(box.settings.secrets_dir).keep(PASSPHRASE)
    done = await asyncio.to_thread(box.verb, "backup")
    assert done.returncode == 0, done.stderr
    assert "It is at the target too" in done.stdout
    assert len(box.names()) == 2
