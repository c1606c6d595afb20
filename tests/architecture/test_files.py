"""No file outgrows a reader; nothing names the machine it was written on."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.support.stack import CHECKOUT

LONGEST = 350
LOCKS = ["requirements.lock", "requirements-bare.lock", "requirements-dev.lock"]


def tracked() -> list[str]:
    """Every file git knows or would take."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.splitlines() if (CHECKOUT / name).is_file()]


def test_no_source_file_is_longer_than_a_reader_can_hold() -> None:
    sources = [name for name in tracked() if name.endswith((".py", ".html", ".sh", ".css", ".js", ".toml"))]
    long = {
        name: lines
        for name in sources
        if (lines := len((CHECKOUT / name).read_text(encoding="utf-8").splitlines())) > LONGEST
    }
    assert long == {}


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_files_are_hashed_and_name_no_index(lock: str) -> None:
    text = (CHECKOUT / lock).read_text()
    assert "://" not in text
    assert "--index" not in text
    requirements = re.findall(r"^[A-Za-z0-9_.\[\]-]+==", text, re.MULTILINE)
    assert requirements
    assert text.count("--hash=sha256:") >= len(requirements)


def test_no_file_names_a_home_or_a_working_folder() -> None:
    own = re.compile(rb"/(?:root|home/[a-z]+|Users/[a-z]+)/|" + re.escape(str(CHECKOUT).encode()) + rb"\b")
    found = []
    for name in tracked():
        content = (CHECKOUT / name).read_bytes()
        if b"\0" not in content[:1000] and own.search(content):
            found.append(name)
    assert found == []


def test_no_two_test_files_have_the_same_name() -> None:
    names = [name.rpartition("/")[2] for name in tracked() if "/test_" in name and name.endswith(".py")]
    assert sorted(names) == sorted(set(names)), "pytest imports them by that name"
