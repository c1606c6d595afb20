"""What makes the suite itself red, tried on small suites of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stack import CHECKOUT
from tests.support.verdict import Span, errors_in

AT = "2026-11-20T10:00:05+00:00"
TEN = 1795168800.0  # 10:00:00 of that day
STUMBLES = """
import pytest

seen = []

@pytest.mark.{mark}
@pytest.mark.parametrize("number", range({tests}))
def test_that_stumbles(number):
    seen.append(number)
    assert seen.count(number) == 2
"""


def logged(folder: Path, *lines: str) -> Path:
    (folder / "app.log").write_text("".join(f"{line}\n" for line in lines))
    return folder


def event(name: str, level: str = "error") -> str:
    return json.dumps({"level": level, "event": name, "time": AT})


def test_an_error_that_the_test_of_that_time_asked_for_is_none(tmp_path: Path) -> None:
    spans = [Span("test_one", TEN, TEN + 10, ("request.failed",))]
    logs = logged(tmp_path, event("request.failed"), event("request.done", "info"))
    assert list(errors_in(logs, spans)) == []


def test_an_error_that_only_an_earlier_test_asked_for_names_the_test_that_ran(tmp_path: Path) -> None:
    spans = [Span("test_one", TEN - 9, TEN - 5, ("request.failed",)), Span("test_two", TEN, TEN + 10, ())]
    (found,) = errors_in(logged(tmp_path, event("request.failed")), spans)
    assert (found.during, json.loads(found.line)["event"]) == ("test_two", "request.failed")


def test_a_traceback_that_got_past_the_log_is_an_error(tmp_path: Path) -> None:
    (found,) = errors_in(logged(tmp_path, "Traceback (most recent call last):"), [])
    assert found.during == "no test"


def run(folder: Path, *options: str, mark: str = "browser", tests: int = 1) -> tuple[int, str]:
    """Exit status and report of a small suite."""
    (folder / "test_small.py").write_text(STUMBLES.format(mark=mark, tests=tests))
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  browser\n  container\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.support.verdict"]
    done = subprocess.run(
        [*command, *options],
        cwd=folder,
        env={"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("mark", ["browser", "container"])
def test_what_drives_a_browser_or_a_container_has_a_second_try_and_is_named(
    tmp_path: Path, mark: str
) -> None:
    status, said = run(tmp_path, "--second-try", mark=mark, tests=2)
    assert status == 0
    assert "tried twice: 2" in said
    assert "test_small.py::test_that_stumbles[1]" in said


def test_more_than_two_second_tries_make_the_run_fail(tmp_path: Path) -> None:
    status, said = run(tmp_path, "--second-try", tests=3)
    assert status == 1
    assert "tried twice: 3" in said


def test_no_other_test_has_a_second_try(tmp_path: Path) -> None:
    status, said = run(tmp_path, "--second-try", mark="timeout(60)")
    assert status == 1
    assert "tried twice" not in said
