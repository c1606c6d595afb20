"""What is encrypted at rest, and what becomes of it when its key file changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.core.encryption import EncryptionKeys, Unreadable
from appliance.core.errors import ServiceUnavailable


@pytest.fixture
def keys(tmp_path: Path) -> EncryptionKeys:
    made = EncryptionKeys(tmp_path)
    made.ensure()
    return made


def test_the_first_key_is_made_once_and_readable_only_by_us(keys: EncryptionKeys) -> None:
    before = keys.path.read_text()
    assert keys.path.stat().st_mode & 0o777 == 0o600
    EncryptionKeys(keys.path.parent).ensure()
    assert keys.path.read_text() == before


def test_what_was_encrypted_is_read_again_and_shows_nothing(keys: EncryptionKeys, tmp_path: Path) -> None:
    sealed = keys.encrypt("sk-very-secret-key", "provider_key openai")
    assert b"secret" not in sealed
    assert keys.encrypt("sk-very-secret-key", "provider_key openai") != sealed
    assert EncryptionKeys(tmp_path).decrypt(sealed, "provider_key openai") == "sk-very-secret-key"


def test_it_is_read_for_its_own_purpose_only(keys: EncryptionKeys) -> None:
    sealed = keys.encrypt("sk-very-secret-key", "provider_key openai")
    with pytest.raises(Unreadable):
        keys.decrypt(sealed, "provider_key turbotext")


def test_a_changed_byte_is_noticed(keys: EncryptionKeys) -> None:
    sealed = bytearray(keys.encrypt("sk-very-secret-key", "x"))
    sealed[len(sealed) // 2] ^= 1
    with pytest.raises(Unreadable):
        keys.decrypt(bytes(sealed), "x")


def test_after_a_rotation_elsewhere_the_old_is_read_and_the_new_key_encrypts(
    keys: EncryptionKeys, tmp_path: Path
) -> None:
    old = keys.encrypt("first", "x")
    other = EncryptionKeys(tmp_path)
    other.rotate()
    new = keys.encrypt("second", "x")
    assert (keys.decrypt(old, "x"), keys.decrypt(new, "x")) == ("first", "second")
    other.retire_old()
    assert keys.decrypt(new, "x") == "second"
    with pytest.raises(Unreadable):
        keys.decrypt(old, "x")


def test_a_file_that_vanishes_while_we_run_is_written_again(keys: EncryptionKeys) -> None:
    sealed = keys.encrypt("first", "x")
    keys.path.unlink()
    assert keys.decrypt(sealed, "x") == "first"
    keys.encrypt("second", "x")
    assert EncryptionKeys(keys.path.parent).decrypt(sealed, "x") == "first"


def test_a_damaged_file_is_laid_aside_and_replaced(tmp_path: Path) -> None:
    (tmp_path / "encryption-keys").write_text("no key at all\n")
    keys = EncryptionKeys(tmp_path)
    keys.ensure()
    assert keys.decrypt(keys.encrypt("text", "x"), "x") == "text"
    assert (tmp_path / "encryption-keys.damaged").read_text() == "no key at all\n"


def test_without_any_key_nothing_is_read_and_nothing_breaks(tmp_path: Path, keys: EncryptionKeys) -> None:
    sealed = keys.encrypt("text", "x")
    with pytest.raises(Unreadable):
        EncryptionKeys(tmp_path / "elsewhere").decrypt(sealed, "x")


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("a file where the folder should be")
    keys = EncryptionKeys(tmp_path / "secrets")
    keys.ensure()
    with pytest.raises(ServiceUnavailable, match="encryption-keys"):
        keys.encrypt("text", "x")


def test_another_machines_keys_are_taken_up_beside_ours(keys: EncryptionKeys, tmp_path: Path) -> None:
    there = EncryptionKeys(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    theirs = EncryptionKeys(elsewhere)
    theirs.ensure()
    sealed, ours = theirs.encrypt("theirs", "x"), keys.encrypt("ours", "x")
    there.take_over(theirs.path.read_text())
    assert (there.decrypt(sealed, "x"), there.decrypt(ours, "x")) == ("theirs", "ours")
