"""Backups by the API: a target is tried before it is kept, its password goes nowhere else."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.core.db import Database
from appliance.core.encryption import EncryptionKeys
from appliance.core.secrets import BackupPassphrase
from appliance.staff.backups.commands import BackupCommands
from appliance.staff.backups.schemas import LocalBackup
from appliance.staff.backups.service import Backups
from tests.support import backup_targets as servers
from tests.support.stack import Stack
from tests.support.waiting import until


@pytest.fixture
async def shelf(stack: Stack) -> AsyncIterator[Path]:
    """A folder that the appliance may write to, and no target before and after."""
    folder = stack.data.parent / "shelf"
    folder.mkdir()
    owner = stack.data.stat()
    shutil.chown(folder, owner.st_uid, owner.st_gid)
    try:
        yield folder
    finally:
        async with stack.database() as db:
            await db.execute("delete from backup_target")
            await db.execute("delete from backup_proof")
        shutil.rmtree(folder)


def folder_target(path: Path, **changes: Any) -> dict[str, Any]:
    return {"address": {"kind": "folder", "path": str(path)}, **changes}


async def state(admin: httpx.AsyncClient) -> dict[str, Any]:
    answer = await admin.get("/api/backups")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def done(admin: httpx.AsyncClient, work: str) -> dict[str, Any]:
    """Have it done and wait for its end."""
    assert (await admin.post(f"/api/backups/{work}")).status_code == 202

    async def ended() -> dict[str, Any] | None:
        now = await state(admin)
        return now if now["running"] is None else None

    found: dict[str, Any] = await until(ended, seconds=90, every=0.3)
    return found


async def test_a_target_is_tried_kept_used_and_forgotten(
    admin: httpx.AsyncClient, stack: Stack, shelf: Path
) -> None:
    tried = await admin.post("/api/backups/target/test", json=folder_target(shelf))
    assert (tried.status_code, tried.json()["ok"]) == (200, True)
    assert (await state(admin))["target"] is None
    kept = await admin.put("/api/backups/target", json=folder_target(shelf, keep=2, most_kilobytes=500_000))
    assert kept.status_code == 200, kept.text
    target = (await state(admin))["target"]
    assert (target["described"], target["keep"], target["set_by"]) == (str(shelf), 2, "serg")
    after = await done(admin, "make")
    assert after["ended"]["ok"], after["ended"]
    assert after["target"]["sent_name"] == after["here"][0]["name"]
    files = await admin.get("/api/backups/target/files")
    assert [one["name"] for one in files.json()["backups"]] == [after["target"]["sent_name"]]
    proven = await done(admin, "prove")
    assert proven["proof"]["ok"], proven["proof"]
    assert proven["proof"]["from_target"]
    assert (await admin.delete("/api/backups/target")).status_code == 204
    assert (await admin.delete("/api/backups/target")).status_code == 404
    assert (await state(admin))["target"] is None
    assert (shelf / after["target"]["sent_name"]).exists(), "what is there stays"
    actions = await stack.value(
        "select array_agg(distinct action) from audit_log where action like 'backup.%' and actor = 'serg'"
    )
    assert set(actions) >= {
        "backup.target_set",
        "backup.asked_for",
        "backup.proven",
        "backup.target_forgotten",
    }


async def test_work_that_ends_while_the_state_is_read_is_still_at_work(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = BackupCommands()
    commands.running = "prove"
    backups = Backups(
        database, EncryptionKeys(tmp_path), BackupPassphrase(tmp_path), commands, folder=tmp_path, hour=3
    )

    def read_as_it_ends() -> list[LocalBackup]:
        commands.running = None
        return []

    monkeypatch.setattr(backups, "_here", read_as_it_ends)
    assert [(await backups.state()).running for _ in range(2)] == ["prove", None]


async def test_a_target_with_a_long_address_is_kept(
    admin: httpx.AsyncClient, stack: Stack, shelf: Path
) -> None:
    long = shelf / ("backups-of-the-photo-booth-at-the-wedding-" * 4)
    long.mkdir()
    owner = stack.data.stat()
    shutil.chown(long, owner.st_uid, owner.st_gid)
    kept = await admin.put("/api/backups/target", json=folder_target(long))
    assert kept.status_code == 200, kept.text
    assert (await state(admin))["target"]["described"] == str(long)
    assert (await admin.delete("/api/backups/target")).status_code == 204


async def test_a_target_that_does_not_work_is_not_kept(admin: httpx.AsyncClient, shelf: Path) -> None:
    refused = await admin.put("/api/backups/target", json=folder_target(shelf / "unplugged"))
    assert refused.status_code == 422
    assert "missing" in refused.json()["error"]["message"]
    inside = await admin.post("/api/backups/target/test", json=folder_target(shelf.parent / "data/media"))
    assert inside.json()["reason"] in {"forbidden", "missing"}
    for wrong in ({"kind": "folder", "path": "stick"}, {"kind": "folder", "path": "/mnt/../etc"}):
        assert (await admin.put("/api/backups/target", json={"address": wrong})).status_code == 422
    assert (await state(admin))["target"] is None


async def test_a_password_is_never_shown_and_goes_to_no_other_machine(
    admin: httpx.AsyncClient, stack: Stack, shelf: Path
) -> None:
    async with servers.asyncssh_server(shelf) as one, servers.asyncssh_server(shelf / "other") as other:
        kept = await admin.put("/api/backups/target", json={"address": one.address(), "secrets": one.secrets})
        assert kept.status_code == 200, kept.text
        answer = await admin.get("/api/backups")
        assert servers.PASSWORD not in answer.text
        assert answer.json()["target"]["host_key"] == kept.json()["fingerprint"]
        assert not await stack.value(
            "select count(*) from backup_target where position($1 in encrypted) > 0",
            servers.PASSWORD.encode(),
        )
        again = await admin.put("/api/backups/target", json={"address": one.address(), "keep": 3})
        assert again.status_code == 200, "of the same place the password is known"
        elsewhere = await admin.put("/api/backups/target", json={"address": other.address()})
        assert elsewhere.status_code == 422
        assert "secrets" in elsewhere.json()["error"]["fields"]


async def test_another_host_key_is_refused_until_somebody_trusts_it(
    admin: httpx.AsyncClient, shelf: Path
) -> None:
    async with servers.asyncssh_server(shelf) as first:
        entered = {"address": first.address(), "secrets": first.secrets}
        assert (await admin.put("/api/backups/target", json=entered)).status_code == 200
    async with servers.asyncssh_server(shelf, first.port):
        changed = await admin.post("/api/backups/target/test", json=entered)
        assert changed.json()["reason"] == "host_key"
        trusted = await admin.put("/api/backups/target", json={**entered, "trust_new_host_key": True})
        assert trusted.status_code == 200, trusted.text


async def test_without_a_target_there_is_nothing_to_ask(admin: httpx.AsyncClient, shelf: Path) -> None:
    for method, path in (("GET", "/target/files"), ("POST", "/target/take-over")):
        assert (await admin.request(method, f"/api/backups{path}")).status_code == 404
