"""What the stack's one-shot steps write before there is a database, and what is said at the end."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from appliance.core.secrets import FirstPasswords
from appliance.lifecycle.stack import prepare, set_up, welcome
from appliance.seed import SeedReport

NONE: FirstPasswords = {"accounts": {}, "ingest": None}


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folders that the containers have, elsewhere."""
    (tmp_path / "front").mkdir()
    monkeypatch.setattr(prepare, "FRONT", tmp_path / "front")
    monkeypatch.setattr(prepare, "SITE", tmp_path / "site")
    monkeypatch.setenv("DATABASE_SECRET_DIR", str(tmp_path / "database-secret"))
    return tmp_path


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_first_step_makes_secrets_and_nginxs_files_once(stack: Path) -> None:
    prepare.prepare(stack / "secrets", stack / "media")
    made = contents(stack)
    assert len((stack / "secrets/database-password").read_text()) > 20
    server = stack / "database-secret/database-superuser-password"
    assert stat.S_IMODE(server.stat().st_mode) == 0o640  # the server runs as another user of our group
    assert stat.S_IMODE(server.parent.stat().st_mode) == 0o750
    assert any(path.suffix == ".conf" for path in made)
    assert any(path.suffix == ".css" for path in (stack / "front/static").rglob("*"))
    prepare.prepare(stack / "secrets", stack / "media")
    assert contents(stack) == made


def test_a_certificate_of_our_own_opens_a_door_for_https(stack: Path) -> None:
    prepare.prepare(stack / "secrets", stack / "media")
    before = contents(stack / "front")
    prepare.make_certificate(stack / "secrets", stack / "media", ["booth.local", "192.168.1.20"])
    tls = stack / "front/tls"
    assert any(tls.iterdir())
    changed = [path for path, content in contents(stack / "front").items() if before.get(path) != content]
    assert any(b"ssl" in path.read_bytes() for path in changed if path.parent != tls)


def test_first_passwords_are_told_where_some_were_made() -> None:
    told = set_up.passwords_text(SeedReport(accounts={"serg": "abc-def"}, ingest="ghi-jkl"))
    assert "serg            abc-def\n" in told
    assert "ingest          ghi-jkl   (what the booths send)\n" in told
    assert set_up.passwords_text(SeedReport()) == ""


def test_the_welcome_names_the_addresses_and_the_passwords_that_nobody_changed() -> None:
    first: FirstPasswords = {"accounts": {"serg": "abc-def"}, "ingest": "ghi-jkl"}
    told = welcome.text(["http://192.168.1.20", "http://booth.local"], first, qr=False)
    assert "http://192.168.1.20/admin/\n" in told
    assert "http://booth.local/admin/\n" in told
    assert "http://192.168.1.20/api/ingest/slot-001?reply=multipart\n" in told
    assert "abc-def" in told
    assert "ghi-jkl" in told


def test_the_welcome_has_a_code_for_phones_where_one_is_wanted() -> None:
    plain, with_code = (welcome.text(["http://192.168.1.20"], NONE, qr=qr) for qr in (False, True))
    assert "All first passwords have been changed." in plain
    assert with_code.startswith(plain.rstrip("\n"))
    assert sum(not line.isascii() for line in with_code.splitlines()) > 10
