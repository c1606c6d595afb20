"""A backup that was made, sent or proven while the clock was ahead stands in no other one's way."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.backups.names import DIGEST
from appliance.backups.repository import BackupRepository, config_of
from appliance.core.clock import utcnow
from appliance.core.encryption import EncryptionKeys
from appliance.lifecycle.backup import fetching, proving
from appliance.lifecycle.backup import write as backup
from tests.integration.test_backup_sending import Box, box

pytestmark = pytest.mark.usefixtures("quick_sealing")

__all__ = ["box"]


def backup_of(folder: Path, made: datetime) -> Path:
    """An empty one, of that time."""
    path = folder / made.strftime("photochanger-%Y%m%dT%H%M%SZ.tar.age")
    path.touch()
    os.utime(path, (made.timestamp(), made.timestamp()))
    return path


def test_it_is_none_for_tonights(tmp_path: Path) -> None:
    now = datetime.now().astimezone()
    ahead = backup_of(tmp_path, utcnow() + timedelta(days=60))
    assert backup.is_due(tmp_path, now.hour, now)
    assert backup.newest(tmp_path) == ahead
    real = backup_of(tmp_path, utcnow())
    assert not backup.is_due(tmp_path, now.hour, datetime.now().astimezone())
    assert backup.newest(tmp_path) == real


@pytest.mark.parametrize(
    ("made", "now", "is_due"),
    [  # of UTC; the clocks were put back at one o'clock on 25 October, and forward on 29 March
        ("2026-10-24T01:05", "2026-10-25T01:10", False),
        ("2026-10-24T01:05", "2026-10-25T02:05", True),
        ("2026-03-28T01:30", "2026-03-29T00:50", True),
        ("2026-03-28T02:05", "2026-03-29T00:50", False),
        ("2026-03-28T02:05", "2026-03-29T01:05", True),
    ],
)
def test_the_night_is_that_of_the_clock_on_the_wall(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: str, now: str, is_due: bool
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        backup_of(tmp_path, datetime.fromisoformat(made).replace(tzinfo=UTC))
        then = datetime.fromisoformat(now).replace(tzinfo=UTC).astimezone()
        assert backup.is_due(tmp_path, 3, then) == is_due
    finally:
        monkeypatch.undo()
        time.tzset()


async def test_it_is_pruned_before_all_others(box: Box) -> None:
    folder = box.settings.backup_dir
    assert folder
    folder.mkdir(exist_ok=True)
    ahead = backup_of(folder, utcnow() + timedelta(days=60))
    real = backup_of(folder, utcnow() - timedelta(days=1))
    await backup.make(box.settings, backup.BackupRequest(str(folder), "a passphrase", keep=2))
    assert not ahead.exists()
    assert real.exists()


async def test_a_restore_from_the_target_takes_the_newest_of_the_past(box: Box, tmp_path: Path) -> None:
    name = await box.back_up()
    ahead = backup_of(box.shelf, utcnow() + timedelta(days=60))
    ahead.with_name(ahead.name + DIGEST).touch()
    await box.send()
    config = config_of(await box.row(), EncryptionKeys(box.settings.secrets_dir))
    assert (await fetching.fetch(config, None, tmp_path / "fetched")).name == name


async def test_a_failure_of_a_time_to_come_keeps_no_backup_from_being_sent(box: Box) -> None:
    name = await box.back_up()
    await box.change(failure="missing", tried_at=utcnow() + timedelta(days=60))
    assert (await box.send(if_due=True)).name == name


async def test_a_proof_of_a_time_to_come_is_none(box: Box) -> None:
    await box.back_up()
    tonight = utcnow().replace(hour=box.settings.backup_hour)
    async with box.database.session() as session:
        await BackupRepository(session).add_proof(
            ok=False, name="any", from_target=False, made_at=None, made_by_version=None,
            rows=0, pictures=0, compared=0, seconds=0.0, problem=None,
        )  # fmt: skip
        (await BackupRepository(session).last_proof()).at = utcnow() + timedelta(days=60)  # type: ignore[union-attr]
    assert await proving.is_due(box.settings, box.database, tonight)
