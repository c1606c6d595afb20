"""A backup made and put back with scripts/appliance, on an appliance that runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.bare.data_folder import Ports
from appliance.bare.environment import environment
from appliance.core.secrets import BackupPassphrase
from appliance.lifecycle.backup import archive
from tests.bare.appliance_run import Appliance, eventually
from tests.support.installed import copied


class Booth:
    """A running appliance, and the line with which a photo is sent to it."""

    def __init__(self, one: Appliance, curl: str) -> None:
        self.one, self._curl = one, curl

    def sends_a_photo(self, folder: Path) -> bool:
        """Whether it is answered with a picture."""
        command = ["bash", "-c", self._curl]
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=False)
        return done.returncode == 0

    def pictures(self) -> dict[Path, bytes]:
        """What guests have, by its place."""
        return {path: path.read_bytes() for path in (self.one.folder.media / "results").glob("*.jpg")}

    def backup(self, folder: Path, *options: str) -> Path:
        """Back up into ``kept``, a folder named as seen from ``folder``."""
        made = self.one.verb("backup", "--to", "kept", *options, folder=folder)
        assert made.returncode == 0, made.stderr
        (file,) = (folder / "kept").iterdir()
        return file

    def pids(self) -> dict[str, int]:
        status = self.one.status()
        assert status["ready"] is True, status
        return {name: process["pid"] for name, process in status["processes"].items()}


@pytest.fixture(scope="module")
def booth(tmp_path_factory: pytest.TempPathFactory, installed: Path) -> Iterator[Booth]:
    one = Appliance(copied(installed, tmp_path_factory.mktemp("bare") / "data"))
    said: Any = one.start()
    yield Booth(one, said["curl"])
    one.run("--stop")
    assert one.pids() == []


def test_one_command_puts_a_backup_back_and_the_booth_goes_on(booth: Booth, tmp_path: Path) -> None:
    assert booth.sends_a_photo(tmp_path)
    before, pictures = booth.pids(), booth.pictures()
    file = booth.backup(tmp_path)
    for path in pictures:
        path.unlink()
    booth.one.verb("set-ingest-password", "--make", folder=tmp_path)
    booth.one.verb("set-password", "--make", "serg", folder=tmp_path)

    done = booth.one.verb("restore", f"./{file.name}", folder=file.parent)

    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert [line.split()[0] for line in said] == ["It", "Stopping", "Restored", "API", "Ready"], done.stdout
    assert done.stderr == ""
    after = booth.pids()
    assert {name for name in before if before[name] != after[name]} == {"app", "cleanup"}
    assert booth.pictures() == pictures
    assert {path.stat().st_uid for path in pictures} == {booth.one.data.stat().st_uid}
    assert booth.sends_a_photo(tmp_path), "the ingest password is that of the backup"


def test_an_encrypted_backup_can_come_from_standard_input(booth: Booth, tmp_path: Path) -> None:
    (tmp_path / "passphrase").write_text("four words and more\n")
    file = booth.backup(tmp_path, "--passphrase-file", "passphrase")
    both = tmp_path / "both"
    both.write_bytes((tmp_path / "passphrase").read_bytes() + file.read_bytes())
    done = booth.one.verb("restore", "-", "--passphrase-file", "-", folder=tmp_path, given=both)
    assert done.returncode == 0, done.stderr
    assert booth.pids()


@pytest.fixture(scope="module")
def kept(booth: Booth, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup, for whoever only wants one."""
    return booth.backup(tmp_path_factory.mktemp("backups"))


def test_a_damaged_file_stops_nothing(booth: Booth, kept: Path, tmp_path: Path) -> None:
    before = booth.pids()
    (tmp_path / "damaged").write_bytes(kept.read_bytes()[:-15_000])  # more than a tar pads with
    for name, says in (("damaged", "Nothing was changed"), ("missing", "There is no backup called")):
        done = booth.one.verb("restore", name, folder=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert says in done.stderr
    assert booth.pids() == before


def test_the_app_runs_again_after_a_restore_that_failed(booth: Booth, kept: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    with kept.open("rb") as source, wrong.open("wb") as below:
        seal = BackupPassphrase(booth.one.folder.secrets).read()
        facts = archive.verify(source, seal)
        writer = archive.Writer(below, None)
        for info, content in archive.members(source, seal):
            if not info.name.startswith("manifest."):
                writer.add(info.name, content, info.size)
        writer.close({**facts, "rows": {**facts["rows"], "slot": 99}})
    before = booth.pids()
    done = booth.one.verb("restore", str(wrong), folder=tmp_path)
    assert done.returncode == 1
    assert "the backup holds 99" in done.stderr
    assert booth.pids()["app"] != before["app"], "it was stopped, and started again"
    assert booth.sends_a_photo(tmp_path)


def test_the_app_runs_again_after_a_restore_that_was_interrupted(booth: Booth, kept: Path) -> None:
    before = booth.pids()
    command = booth.one.verb_command("restore", str(kept))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        assert any(line.startswith("Stopping the app") for line in process.stdout)
        eventually(lambda: not Path(f"/proc/{before['app']}").exists())
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert booth.pids()["app"] != before["app"]


def test_the_verb_by_itself_names_the_command_to_use(booth: Booth, tmp_path: Path) -> None:
    folder = booth.one.folder
    ports = folder.read_ports()
    assert ports
    refused = subprocess.run(
        [sys.executable, "-m", "appliance", "restore", "any.tar"],
        env=environment(folder, ports), cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert refused.returncode == 1
    assert f"scripts/appliance --data {folder.data} restore FILE" in refused.stderr
    assert "docker" not in refused.stderr


def test_a_stopped_appliance_says_how_to_start_it(appliance: Appliance, tmp_path: Path) -> None:
    appliance.folder.make_folders()
    appliance.folder.write_ports(Ports(public=8080, postgres=5432))
    done = appliance.verb("restore", os.devnull, folder=tmp_path)
    assert done.returncode == 1
    assert f"Start it first with scripts/run --data {appliance.data}" in done.stderr
