"""A target that is late or another machine's, and a proof that failed, are issues."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.backups.repository import BackupRepository
from appliance.backups.target import TargetConfig, TargetTest
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.encryption import EncryptionKeys
from appliance.core.language import language
from appliance.migrations.runner import upgrade
from appliance.staff.issues.findings import Finding
from appliance.staff.issues.sources.backup_target import backup_target_source
from tests.support.backups import another_machine
from tests.support.stack import Stack


@pytest.fixture
async def box(stack: Stack, tmp_path: Path) -> AsyncIterator[Database]:
    """The tables of another machine, and a target that was set just now."""
    async with another_machine(stack, tmp_path, "lateness") as settings:
        await asyncio.to_thread(upgrade, settings.sqlalchemy_url())
        made = Database(settings.sqlalchemy_url(), pool_size=1)
        config = TargetConfig.model_validate({"address": {"kind": "folder", "path": "/mnt/stick"}})
        tried = TargetTest(ok=True, marker="ours")
        try:
            async with made.session() as session:
                await BackupRepository(session).set_target(
                    config, EncryptionKeys(tmp_path), tried, by="serg", keep=7, most_kilobytes=None
                )
            yield made
        finally:
            await made.aclose()


async def findings(box: Database) -> list[Finding]:
    return list(await backup_target_source(box).look())


async def note(box: Database, **values: Any) -> None:
    async with box.session() as session:
        backups = BackupRepository(session)
        row = await backups.target()
        assert row
        await backups.note(row, **values)


async def test_a_target_that_was_set_just_now_is_no_issue(box: Database) -> None:
    assert await findings(box) == []


async def test_a_target_that_no_backup_reached_for_two_nights_is_one(box: Database) -> None:
    long_ago = utcnow() - timedelta(hours=40)
    await note(box, set_at=long_ago)
    (found,) = await findings(box)
    assert (found.code, found.parameters["target"]) == ("backup.not_sent", "/mnt/stick")
    assert found.parameters["age_seconds"] == 40 * 3600
    await note(box, sent_at=utcnow())
    assert await findings(box) == []


async def test_a_backup_that_was_sent_while_the_clock_was_ahead_hides_none_that_is_missing(
    box: Database,
) -> None:
    await note(box, set_at=utcnow() - timedelta(hours=40), sent_at=utcnow() + timedelta(days=60))
    assert [one.code for one in await findings(box)] == ["backup.not_sent"]


async def test_a_target_of_another_machine_is_one_until_it_is_taken_over(box: Database) -> None:
    await note(box, held=True)
    assert [one.code for one in await findings(box)] == ["backup.held"]


async def test_a_proof_that_failed_while_the_clock_was_ahead_is_none_after_the_next_good_one(
    box: Database,
) -> None:
    await note_proof(box, ok=False)
    async with box.session() as session:
        (await BackupRepository(session).last_proof()).at += timedelta(days=60)  # type: ignore[union-attr]
    await note_proof(box, ok=True)
    assert await findings(box) == []


async def note_proof(box: Database, *, ok: bool) -> None:
    async with box.session() as session:
        await BackupRepository(session).add_proof(
            ok=ok, name="any", from_target=False, made_at=None, made_by_version=None, rows=0, pictures=0,
            compared=0, seconds=0.0, problem=None if ok else "It is damaged.",
        )  # fmt: skip


async def test_a_proof_that_failed_is_one_until_the_next_good_one(box: Database) -> None:
    for ok, codes in ((False, ["backup.unproven"]), (True, [])):
        await note_proof(box, ok=ok)
        assert [one.code for one in await findings(box)] == codes


@pytest.mark.parametrize("code", ["not_sent", "held", "unproven"])
def test_each_has_its_words_in_both_languages(code: str) -> None:
    for lang in ("en", "ru"):
        words = language("staff", lang)
        assert words.has(f"issue.backup.{code}.title")
        assert words.has(f"issue.backup.{code}.meaning")
