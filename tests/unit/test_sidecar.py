"""The sidecar keeps time, in front of a package whose verbs note that they were called."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.lifecycle.stack import sidecar
from appliance.lifecycle.stack.sidecar import Sidecar

VERBS = """
import os, signal, sys
with open("called", "a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
if os.path.exists("hang"):
    with open("hanging", "w") as file:
        file.write(str(os.getpid()))
    signal.pause()
if os.path.exists("slow line") and sys.argv[1] == "send-backup":
    signal.pause()
sys.exit(os.path.exists("fail"))
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "appliance").mkdir()
    (tmp_path / "appliance/__main__.py").write_text(VERBS, encoding="utf-8")
    monkeypatch.setattr(sidecar, "_LOOK_EVERY", 0.01)
    monkeypatch.setattr(sidecar, "_TURN_EVERY", 0.0)
    monkeypatch.setattr(sidecar, "_FIRST_AFTER", 0.0)
    monkeypatch.setattr(sidecar, "BEAT", tmp_path / "beat")
    return tmp_path


@contextmanager
def keeping_time(package: Path) -> Iterator[Callable[[int], list[str]]]:
    """Gives a function that waits for so many verbs and tells which they were."""
    one, looked = Sidecar(package), threading.Event()
    thread = threading.Thread(target=one.keep_time)
    thread.start()

    def called(count: int) -> list[str]:
        for _ in range(3000):
            found = (package / "called").read_text().splitlines() if (package / "called").exists() else []
            if len(found) >= count:
                return found
            looked.wait(0.01)
        raise AssertionError(found)

    try:
        yield called
    finally:
        one.end()
        thread.join(30)
    assert not thread.is_alive()


def test_the_first_turn_cleans_up_and_the_next_ones_back_up_too(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOCHANGER_BACKUP_DIR", "/backups")
    with keeping_time(package) as called:
        verbs = [verb for verb in called(6) if not verb.startswith("send-backup")]
        assert verbs[:4] == ["cleanup", "cleanup", "backup --if-due", "cleanup"]
    assert (package / "beat").exists()


def test_the_app_starts_before_the_first_cleanup(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sidecar, "_FIRST_AFTER", 3600.0)
    with keeping_time(package):
        while not (package / "beat").exists():
            threading.Event().wait(0.01)
    assert not (package / "called").exists()


def test_cleanups_go_on_while_a_backup_is_sent_for_hours(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOCHANGER_BACKUP_DIR", "/backups")
    (package / "slow line").touch()
    with keeping_time(package) as called:
        verbs = called(8)
    assert verbs.count("send-backup --if-due --prove") == 1
    assert verbs.count("cleanup") > 2


def test_without_a_folder_for_backups_none_are_made(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PHOTOCHANGER_BACKUP_DIR", raising=False)
    with keeping_time(package) as called:
        assert set(called(4)) == {"cleanup"}


def test_what_fails_is_told_and_the_next_turn_follows(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (package / "fail").touch()
    with keeping_time(package) as called:
        called(3)
    assert '"event": "sidecar.failed"' in capsys.readouterr().err


def test_the_verb_that_runs_ends_with_the_sidecar(package: Path) -> None:
    (package / "hang").touch()
    with keeping_time(package) as called:
        assert called(1) == ["cleanup"]
    assert (package / "called").read_text() == "cleanup\n"
