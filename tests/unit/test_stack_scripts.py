"""What the scripts of the stack read from ``compose/.env``, and where they send phones."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.stack import CHECKOUT


class Folder:
    """A copy of the scripts, with a ``compose/.env`` of its own."""

    def __init__(self, root: Path) -> None:
        self._root = root
        shutil.copytree(CHECKOUT / "scripts", root / "scripts", ignore=shutil.ignore_patterns("bench"))
        (root / "compose").mkdir()

    def write(self, *lines: str) -> None:
        (self._root / "compose" / ".env").write_text("".join(f"{line}\n" for line in lines))

    def says(self, call: str) -> str:
        """What a function of the library prints."""
        program = f". '{self._root}/scripts/_lib.sh'; {call}"
        done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
        return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "a folder")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("NAME=8081", "8081"),
        ("NAME=8081   # or 192.168.1.20:8080, to listen on one address only", "8081"),
        ('NAME="two words" # why', "two words"),
        ("NAME='a#b'", "a#b"),
        ("NAME=a#b", "a#b"),
        ("NAME=   # nothing", "else"),
        ("OTHER=1", "else"),
    ],
)
def test_a_value_is_read_as_compose_reads_it(folder: Folder, line: str, value: str) -> None:
    folder.write(line)
    assert folder.says("env_value NAME else") == value


def test_phones_are_sent_to_the_one_address_that_it_listens_on(folder: Folder) -> None:
    folder.write("HTTP_PORT=192.168.1.20:8081 # the booths' network")
    folder.says("tell_lan_address")
    assert folder.says("env_value LAN_BASE_URL") == "http://192.168.1.20:8081"


def test_a_machine_that_only_listens_to_itself_sends_nobody_there(folder: Folder) -> None:
    folder.write("HTTP_PORT=127.0.0.1:8081")
    folder.says("tell_lan_address")
    assert folder.says("env_value LAN_BASE_URL") == ""
