"""The monthly proof: the newest backup really goes into a database, which is thrown away again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete

from appliance.backups.models import BackupProof
from appliance.backups.names import DIGEST
from appliance.backups.repository import BackupRepository
from appliance.core.db import Database
from appliance.core.language import Message, language
from appliance.jobs.tally import all_sums
from appliance.lifecycle.backup import proving
from tests.integration.test_backup_sending import PASSPHRASE, Box, box
from tests.support.stack import Stack

pytestmark = pytest.mark.usefixtures("quick_sealing")

__all__ = ["box"]
NOON, NIGHT = (datetime(2026, 11, 27, hour, tzinfo=UTC) for hour in (12, 4))


async def last(database: Database) -> BackupProof:
    async with database.session() as session:
        found = await BackupRepository(session).last_proof()
    assert found
    return found


async def scratch_databases(stack: Stack) -> int:
    found: int = await stack.value(
        "select count(*) from pg_database where datname like 'photochanger_proof_%'"
    )
    return found


async def test_a_whole_backup_of_the_target_is_proven_and_nothing_is_left_behind(
    box: Box, stack: Stack
) -> None:
    await box.back_up()
    await box.send()
    proof = await proving.prove(box.settings, box.database, PASSPHRASE, by="cli")
    assert (proof.ok, proof.from_target) == (True, True), proof.problem
    kept = await last(box.database)
    assert (kept.ok, kept.name, kept.rows) == (True, proof.name, proof.rows)
    assert kept.rows > 15
    assert await scratch_databases(stack) == 0
    async with box.database.session() as session:
        moments = {one.labels.get("task") for one in await all_sums(session)}
    assert "backup_proof" in moments


async def test_a_backup_of_this_machine_is_proven_and_its_pictures_are_compared(box: Box) -> None:
    await box.back_up()
    proof = await proving.prove(box.settings, box.database, PASSPHRASE, by="cli")
    assert (proof.ok, proof.from_target) == (True, False), proof.problem
    pictures = list((box.settings.media_root / "results").rglob("*.*"))
    assert proof.compared == min(50, len(pictures))


async def test_a_backup_that_rotted_at_the_target_is_told(box: Box, stack: Stack) -> None:
    name = await box.back_up()
    await box.send()
    content = bytearray((box.shelf / name).read_bytes())
    content[len(content) // 2] ^= 1
    (box.shelf / name).write_bytes(content)
    proof = await proving.prove(box.settings, box.database, PASSPHRASE, by="cli")
    assert not proof.ok
    assert "differs from what was written" in (proof.problem or "")
    kept = await last(box.database)
    assert (kept.ok, kept.problem) == (False, proof.problem)
    assert kept.problem_said is not None
    russian = language("staff", "ru").message(Message.from_json(kept.problem_said))
    assert russian.startswith("Из хранилища прочитано не то, что записано.")
    (box.shelf / (name + DIGEST)).unlink()
    gone = await proving.prove(box.settings, box.database, PASSPHRASE, by="cli")
    assert "no backup at the target" in (gone.problem or "")
    assert await scratch_databases(stack) == 0


async def test_a_picture_that_differs_from_the_one_that_guests_have_is_told(box: Box) -> None:
    picture = box.settings.media_root / "results/one.jpg"
    picture.parent.mkdir(exist_ok=True)
    picture.write_bytes(b"a picture")
    await box.back_up()
    for path in (box.settings.media_root / "results").rglob("*.*"):
        path.write_bytes(b"another")
    proof = await proving.prove(box.settings, box.database, PASSPHRASE, by="cli")
    assert "is not the picture that is here" in (proof.problem or "")


async def test_a_wrong_passphrase_fails_the_proof(box: Box) -> None:
    await box.back_up()
    proof = await proving.prove(box.settings, box.database, "another one", by="cli")
    assert "has another passphrase" in (proof.problem or "")


@pytest.mark.parametrize(
    ("days", "ok", "at_night", "by_day"),
    [(29, True, False, False), (31, True, True, False), (34, True, True, True), (2, False, True, False)],
)
async def test_a_proof_is_made_every_month_at_night_and_by_day_when_the_night_was_missed(
    box: Box, days: int, ok: bool, at_night: bool, by_day: bool
) -> None:
    async with box.database.session() as session:
        await session.execute(delete(BackupProof))  # of other tests, made after this one's night
    await box.back_up()
    for now, due in ((NIGHT, at_night), (NOON, by_day)):
        async with box.database.session() as session:
            await BackupRepository(session).add_proof(
                ok=ok, name="any", from_target=False, made_at=None, made_by_version=None,
                rows=0, pictures=0, compared=0, seconds=0.0, problem=None,
            )  # fmt: skip
            (await BackupRepository(session).last_proof()).at = now - timedelta(days=days)  # type: ignore[union-attr]
        assert await proving.is_due(box.settings, box.database, now) == due
        async with box.database.session() as session:
            await session.delete(await session.merge(await last(box.database)))


async def test_nothing_is_due_where_there_is_no_backup(box: Box) -> None:
    assert not await proving.is_due(box.settings, box.database, NIGHT)
