"""Backups of the running appliance: whole, sealed, refused when damaged, and put into another database."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tarfile
from collections import namedtuple
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from appliance.core.db import Database
from appliance.core.encryption import EncryptionKeys
from appliance.core.files import LOW_DISK_BYTES
from appliance.core.secrets import FirstPasswordFile
from appliance.lifecycle.backup import archive, restore
from appliance.lifecycle.backup import write as backup
from appliance.lifecycle.backup.problem import BackupProblem
from appliance.lifecycle.backup.sealing import MAGIC
from appliance.providers.keys import KeyFiles
from appliance.providers.registry import ProviderRegistry
from appliance.providers.stored_keys import AllKeys, StoredKeys
from appliance.settings.environment import Settings
from appliance.settings.operator import OperatorSettings
from tests.support.backups import another_machine, made, put_in, settings_of
from tests.support.camera import Camera, Shot
from tests.support.keys import entered, made_up, no_keys
from tests.support.stack import CHECKOUT, Stack

pytestmark = pytest.mark.usefixtures("quick_sealing")

Usage = namedtuple("Usage", "total used free")  # noqa: PYI024 - as shutil's own
PASSPHRASE = "correct horse battery staple"


@pytest.fixture
async def elsewhere(stack: Stack, tmp_path: Path) -> AsyncIterator[Settings]:
    """Another machine: an empty database, empty folders."""
    async with another_machine(stack, tmp_path / "elsewhere", "elsewhere") as settings:
        yield settings


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
async def test_a_backup_put_in_elsewhere_holds_the_same(
    stack: Stack, camera: Camera, shot: Shot, elsewhere: Settings, tmp_path: Path, passphrase: str | None
) -> None:
    job = (await camera.post("/api/ingest/slot-001?reply=json", shot)).json()
    file = await made(stack, tmp_path, passphrase)
    done = await put_in(elsewhere, file, passphrase)
    assert done.rows > 15
    key = (await stack.row(job["job_id"]))["result_key"]
    assert (elsewhere.media_root / key).read_bytes() == (stack.media / key).read_bytes()
    keys = elsewhere.secrets_dir / "jwt-keys.json"
    if passphrase:
        assert keys.read_text() == (stack.data / "secrets/jwt-keys.json").read_text()
    assert keys.exists() == bool(passphrase)
    assert not (elsewhere.secrets_dir / "database-password").exists()
    async with stack.database() as here, stack.database("elsewhere") as there:
        for table in ("slot", "account", "app_settings", "job_history", "audit_log"):
            question = f"select * from {table} t order by t::text"
            assert [dict(row) for row in await here.fetch(question)] == [
                dict(row) for row in await there.fetch(question)
            ]
        assert await there.fetchval("select count(*) from login_session where ended_at is null") == 0
        await there.execute("insert into audit_log (actor, action) values ('test', 'counter.goes.on')")


async def test_a_backup_without_a_passphrase_holds_no_secret_file_and_not_one_secret(
    stack: Stack, tmp_path: Path
) -> None:
    secrets = stack.data / "secrets"
    planted = {
        "tls-ca/ca-key.pem": "planted-authority-key",
        "jwt-keys.json": json.loads((secrets / "jwt-keys.json").read_text())["keys"][-1]["secret"],
        "first-passwords.json": stack.report["passwords"]["accounts"]["serg"],
        "guest-links-key": (secrets / "guest-links-key").read_text().strip(),
        "backup-passphrase": stack.report["backup_passphrase"],
    }
    (secrets / "tls-ca").mkdir(exist_ok=True)
    (secrets / "tls-ca/ca-key.pem").write_text("planted-authority-key")
    try:
        file = await made(stack, tmp_path)
        sealed = await made(stack, tmp_path / "sealed", PASSPHRASE)
    finally:
        shutil.rmtree(secrets / "tls-ca")
    with tarfile.open(file) as tar:
        assert [name for name in tar.getnames() if name.startswith("secrets/")] == []
    content = file.read_bytes()
    assert [name for name, secret in planted.items() if secret.encode() in content] == []
    with sealed.open("rb") as opened:
        names = {info.name for info, _ in archive.members(opened, PASSPHRASE)}
    assert {f"secrets/{name}" for name in planted} - names == {"secrets/backup-passphrase"}


async def test_first_passwords_that_the_accounts_put_back_do_not_have_are_forgotten(
    stack: Stack, elsewhere: Settings, tmp_path: Path
) -> None:
    right = stack.report["passwords"]["accounts"]["serg"]
    file = await made(stack, tmp_path)
    first = FirstPasswordFile(elsewhere.secrets_dir)
    first.add(ingest="of-the-new-machine", accounts={"serg": right, "igor": "of-the-new-machine"})
    await put_in(elsewhere, file)
    kept = first.read()
    assert (kept["ingest"], kept["accounts"]) == (None, {"serg": right})


async def test_a_backup_of_an_earlier_version_brings_the_secret_files_that_it_holds(
    stack: Stack, elsewhere: Settings, tmp_path: Path
) -> None:
    """Those were in unsealed backups too."""
    sealed = await made(stack, tmp_path, PASSPHRASE)
    old = tmp_path / "old.tar"
    with sealed.open("rb") as opened, old.open("w+b") as below:
        facts = archive.verify(opened, PASSPHRASE)
        writer = archive.Writer(below, None)
        for info, content in archive.members(opened, PASSPHRASE):
            if not info.name.startswith("manifest"):
                writer.add(info.name, content, info.size, info.mtime)
        del facts["files"], facts["format"]
        writer.close(facts)
    await put_in(elsewhere, old)
    for name in ("jwt-keys.json", "guest-links-key"):
        here = stack.data / "secrets" / name
        assert (elsewhere.secrets_dir / name).read_text() == here.read_text()


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
async def test_provider_keys_come_along_only_under_a_passphrase(
    stack: Stack,
    admin: httpx.AsyncClient,
    elsewhere: Settings,
    tmp_path: Path,
    passphrase: str | None,
    provider_ports: dict[str, int],
) -> None:
    async with no_keys(stack, admin):
        typed, filed = made_up("gemini"), made_up("openai")
        await entered(admin, "gemini", typed, test=False)
        stack.set_keys("openai", filed)
        file = await made(stack, tmp_path, passphrase)
        done = await put_in(elsewhere, file, passphrase)
    content = file.read_bytes()
    encryption_key = (stack.data / "secrets/encryption-keys").read_bytes().strip()
    assert not [secret for secret in (typed.encode(), filed.encode(), encryption_key) if secret in content]
    database = Database(elsewhere.sqlalchemy_url())
    try:
        stored = StoredKeys(database, EncryptionKeys(elsewhere.secrets_dir))
        await stored.refresh_now()
    finally:
        await database.aclose()
    urls = {name: f"http://127.0.0.1:{port}" for name, port in provider_ports.items()}
    kept = AllKeys(stored, KeyFiles(elsewhere.secrets_dir), ProviderRegistry(OperatorSettings(), urls))
    if passphrase:
        assert (kept.keys("gemini"), kept.keys("openai")) == ((typed,), (filed,))
        assert done.keys_to_enter == ()
    else:
        assert (kept.keys("gemini"), kept.keys("openai")) == ((), ())
        assert done.keys_to_enter == (
            f"gemini …{typed[-4:]}, entered by serg",
            "the secret file provider-keys/openai",
        )


async def test_a_restore_on_the_same_machine_keeps_its_provider_keys(
    stack: Stack, admin: httpx.AsyncClient, elsewhere: Settings, tmp_path: Path
) -> None:
    async with no_keys(stack, admin):
        typed = made_up("gemini")
        await entered(admin, "gemini", typed, test=False)
        file = await made(stack, tmp_path)
        shutil.copytree(stack.data / "secrets", elsewhere.secrets_dir)
        done = await put_in(elsewhere, file)
    assert done.keys_to_enter == ()


async def test_restoring_twice_is_the_same_as_once(stack: Stack, elsewhere: Settings, tmp_path: Path) -> None:
    file = await made(stack, tmp_path)
    first = await put_in(elsewhere, file)
    assert await put_in(elsewhere, file) == first


JOB = """insert into job_history (job_id, slot_id, status, provider, operation, upload_type, upload_size,
      upload_sha256, deadline_seconds, created_at)
    values (gen_random_uuid(), 'slot-001', 'failed', 'local', 'glow', 'image/jpeg', 1, '', 48,
      now() - $1 * interval '1 day') returning job_id"""


async def test_an_upgrades_way_back_holds_the_last_days_of_the_history_and_leaves_the_rest_where_it_is(
    stack: Stack, elsewhere: Settings, tmp_path: Path
) -> None:
    await put_in(elsewhere, await made(stack, tmp_path / "whole"))
    async with stack.database("elsewhere") as db:
        old, young = [await db.fetchval(JOB, float(days)) for days in (5, 1)]
        everything = await db.fetchval("select count(*) from job_history")
    request = backup.BackupRequest(str(tmp_path), database_only=True, recent_history=True)
    point = await backup.make(elsewhere, request)
    full = await backup.make(elsewhere, backup.BackupRequest(str(tmp_path / "full"), database_only=True))
    assert point.rows < full.rows
    async with stack.database("elsewhere") as db:
        await db.execute("delete from job_history where job_id = $1", young)
        later = await db.fetchval(JOB, 0.0)
    await put_in(elsewhere, Path(point.path))
    async with stack.database("elsewhere") as db:
        found = {row[0] for row in await db.fetch("select job_id from job_history")}
    assert (len(found), found & {old, young, later}) == (everything, {old, young})


async def test_an_upgrades_way_back_is_refused_where_there_is_no_history(
    stack: Stack, elsewhere: Settings, tmp_path: Path
) -> None:
    request = backup.BackupRequest(str(tmp_path), database_only=True, recent_history=True)
    point = await backup.make(settings_of(stack), request)
    with pytest.raises(BackupProblem, match="full backup"):
        await put_in(elsewhere, Path(point.path))


async def test_a_wrong_passphrase_is_told_from_damage_and_changes_nothing(
    stack: Stack, elsewhere: Settings, tmp_path: Path
) -> None:
    file = await made(stack, tmp_path, PASSPHRASE)
    assert file.read_bytes().startswith(MAGIC)
    for passphrase, said in (("wrong", "has another passphrase"), (None, "Give its passphrase")):
        with pytest.raises(BackupProblem, match=said):
            await put_in(elsewhere, file, passphrase)
    assert not elsewhere.media_root.exists()
    async with stack.database("elsewhere") as there:
        assert await there.fetchval("select count(*) from pg_class where relname = 'slot'") == 0


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
@pytest.mark.parametrize("harm", ["a byte is another", "the end is missing", "a chunk is missing"])
async def test_a_damaged_backup_is_refused_before_anything_is_touched(
    stack: Stack, elsewhere: Settings, tmp_path: Path, passphrase: str | None, harm: str
) -> None:
    file = await made(stack, tmp_path, passphrase)
    content = bytearray(file.read_bytes())
    if harm == "a byte is another":
        content[len(content) // 3] ^= 1
    elif harm == "the end is missing":
        del content[-30_000:]
    else:
        del content[2048:4096]
    file.write_bytes(content)
    with pytest.raises(BackupProblem, match=r"^(?!.*Nothing was changed.*Nothing was changed)"):
        await put_in(elsewhere, file, passphrase)
    assert not elsewhere.media_root.exists()


async def test_a_backup_of_a_newer_version_is_refused(
    stack: Stack, elsewhere: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "newer.tar"
    with file.open("wb") as opened:
        writer = archive.Writer(opened, None)
        writer.close({"revision": "9999", "version": "99.0", "rows": {}, "columns": {}, "kind": "whole"})
    with pytest.raises(BackupProblem, match=r"version 99\.0 made, are newer"):
        await put_in(elsewhere, file)


async def test_pictures_that_have_no_room_are_refused_before_anything_is_touched(
    elsewhere: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, picture, size = tmp_path / "large.tar", "results/one.jpg", 5_000_000
    with file.open("wb") as opened:
        writer = archive.Writer(opened, None)
        writer.add(f"media/{picture}", io.BytesIO(bytes(size)), size)
        writer.close({"revision": "0001", "version": "0.2.0", "made_at": "2026-01-01", "kind": "whole"})
    free = LOW_DISK_BYTES + 1_500_000
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12 - free, free))
    with pytest.raises(BackupProblem, match="4 MB more must be free"):
        await put_in(elsewhere, file)
    with file.open("rb") as opened:
        with pytest.raises(BackupProblem, match="4 MB more must be free"):
            restore.check(opened, None, elsewhere.media_root)
        there = elsewhere.media_root / picture
        there.parent.mkdir()
        there.touch()
        assert "version 0.2.0" in restore.check(opened, None, elsewhere.media_root)


@pytest.mark.parametrize("name", ["media/../../evil", "/media/evil", "media//evil", "media/temp/slot/evil"])
def test_a_name_that_leads_out_of_the_folder_or_to_uploads_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / "bad.tar"
    with tarfile.open(file, "w") as tar:
        info = tarfile.TarInfo(name)
        info.size = 4
        tar.addfile(info, io.BytesIO(b"evil"))
    with file.open("rb") as opened, pytest.raises(BackupProblem, match="contains a file named"):
        restore.check(opened, None, tmp_path)


async def test_files_that_somebody_put_beside_the_appliances_own_come_back(
    stack: Stack, elsewhere: Settings, tmp_path: Path
) -> None:
    await put_in(elsewhere, await made(stack, tmp_path, PASSPHRASE), PASSPHRASE)
    files = [
        *(elsewhere.media_root / name for name in ("event1/anna.jpg", "Old/2025/_cover.JPG", "a_b/x")),
        elsewhere.secrets_dir / "certificate.p12",
    ]
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\x89 not text")
    request = backup.BackupRequest(str(elsewhere.backup_dir), PASSPHRASE)
    file = Path((await backup.make(elsewhere, request)).path)
    for path in files:
        path.unlink()
    await put_in(elsewhere, file, PASSPHRASE)
    assert [path.read_bytes() for path in files] == [b"\x89 not text"] * len(files)


async def test_old_backups_are_pruned_and_uploads_are_left_out(stack: Stack, tmp_path: Path) -> None:
    for day in range(1, 5):
        (tmp_path / f"photochanger-2020010{day}T000000Z.tar").touch()
    upload = stack.media / "temp/slot-000/left"  # no slot's own folder: that must stay the app's
    upload.mkdir(parents=True)
    (upload / "upload").write_bytes(b"half a photo")
    done = await backup.make(settings_of(stack), backup.BackupRequest(str(tmp_path), keep=2))
    (upload / "upload").unlink()
    upload.rmdir()
    upload.parent.rmdir()
    kept = sorted(path.name for path in tmp_path.iterdir())  # noqa: ASYNC240
    assert len(kept) == 2
    assert kept[0] == "photochanger-20200104T000000Z.tar"
    assert Path(done.path).stat().st_mode & 0o777 == 0o600  # noqa: ASYNC240
    with tarfile.open(done.path) as tar:
        names = tar.getnames()
        manifest = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
    assert not [name for name in names if name.startswith("media/temp") or "database-password" in name]
    assert set(manifest["files"]) == set(names) - {"manifest.json", "manifest.sha256"}


def test_the_verbs_speak_over_standard_streams(stack: Stack) -> None:
    command = [sys.executable, "-m", "appliance", "backup", "--to", "-", "--passphrase-file", "-"]
    environment = stack.environment(PHOTOCHANGER_LISTEN=stack.listen)
    done = subprocess.run(
        command, cwd=CHECKOUT, env=environment, input=b"secret words\n", capture_output=True, check=True
    )
    assert done.stdout.startswith(MAGIC)
    refused = subprocess.run(
        [sys.executable, "-m", "appliance", "restore", "-"],
        cwd=CHECKOUT, env=environment, input=done.stdout, capture_output=True, check=False,
    )  # fmt: skip
    assert refused.returncode == 1
    assert b"The app is running" in refused.stderr
