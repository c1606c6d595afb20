"""Work in a process of its own, which steps back for everything else."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from appliance.core import apart as module
from appliance.core.apart import STEPS_BACK, ApartFailed, apart


def test_it_returns_what_the_work_returns_and_has_stepped_back() -> None:
    assert apart(os.nice, 0) == min(19, os.nice(0) + STEPS_BACK)
    assert apart(os.getpid) != os.getpid()


def test_it_raises_what_the_work_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing here"):
        apart(Path.read_bytes, tmp_path / "nothing here")


def test_what_the_work_prints_is_no_answer() -> None:
    assert apart(print, "a warning") is None


def test_a_process_that_is_killed_is_told_from_work_that_failed() -> None:
    with pytest.raises(ApartFailed):
        apart(signal.raise_signal, signal.SIGKILL)


def test_nobody_waits_longer_than_for_the_longest_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.5)
    with pytest.raises(TimeoutError):
        apart(signal.pause)
