"""Files that nobody writes a second time: on the disk before they have their names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.admin import assets
from appliance.bare.data_folder import DataFolder
from appliance.bare.postgres import make_secrets
from appliance.core.secrets import read_or_make, replace_secret
from appliance.lifecycle.stack import certificates


def _static(folder: Path) -> None:
    assets.collect(folder)


def _secret(folder: Path) -> None:
    read_or_make(folder / "made-once")
    replace_secret(folder / "replaced", "text\n")


def _certificate(folder: Path) -> None:
    certificates.make(folder / "secrets", folder / "tls", ["photos.local"])


def _database_passwords(folder: Path) -> None:
    (folder / "secrets").mkdir()
    make_secrets(DataFolder(folder, folder / "media"))


@pytest.mark.parametrize("make", [_static, _secret, _certificate, _database_passwords])
def test_a_power_cut_leaves_no_empty_file(
    make: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_disk: set[int] = set()
    sync = os.fsync

    def noting(descriptor: int) -> None:
        sync(descriptor)
        on_disk.add(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", noting)
    make(tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if path.stat().st_ino not in on_disk]
    assert not [path for path in files if path.parent.stat().st_ino not in on_disk], "their names"


def test_a_share_that_syncs_no_folders_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync = os.fsync

    def not_folders(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):  # noqa: PTH112 - a link of the kernel's
            raise OSError(22, "Invalid argument")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", not_folders)
    assert read_or_make(tmp_path / "made") == (tmp_path / "made").read_text(encoding="utf-8").strip()
