"""What makes a run red besides a failed test: errors that no test asked for, and too many second tries."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

SECOND_TRIES = 2  # so many a run may have


@dataclass
class Span:
    """A test, when it ran, and the errors that it said it makes the app log."""

    name: str
    begin: float
    end: float
    asked: tuple[str, ...]


@dataclass(frozen=True)
class AppError:
    """A line of the app's log that no test asked for."""

    during: str
    line: str


SPANS = pytest.StashKey[list[Span]]()
ERRORS = pytest.StashKey[list[dict[str, Any]]]()


def errors_in(folder: Path, spans: list[Span]) -> Iterator[AppError]:
    """The lines of level error, and those that are no event at all, each with the test that ran then."""
    for file in sorted(folder.glob("app*.log*")):
        for line in file.read_text(errors="replace").splitlines():
            event = as_event(line)
            if event.get("level") not in ("error", "critical"):
                continue
            at = datetime.fromisoformat(event["time"]).timestamp() if "time" in event else time.time()
            around = [span for span in spans if span.begin - 0.1 <= at <= span.end + 2]
            if not any(event.get("event") in span.asked for span in around):
                yield AppError(around[-1].name if around else "no test", line)


def as_event(line: str) -> dict[str, Any]:
    """A line of the log; what is no JSON (a traceback that got past the log) is an error too."""
    try:
        found = json.loads(line)
    except ValueError:
        return {"level": "error", "event": line}
    return found if isinstance(found, dict) else {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--second-try",
        action="store_true",
        help=f"try what drives a browser or a container again; more than {SECOND_TRIES} times is a failure",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "app_errors(*events): the test makes the app log these as errors")
    config.stash[SPANS], config.stash[ERRORS] = [], []


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--second-try"):
        for item in items:
            if item.get_closest_marker("container") or item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    asked = tuple(event for marker in item.iter_markers("app_errors") for event in marker.args)
    span = Span(item.nodeid, time.time(), math.inf, asked)
    item.config.stash[SPANS].append(span)
    try:
        return (yield)
    finally:
        span.end = time.time()


@pytest.fixture(scope="session")
def note_errors(pytestconfig: pytest.Config) -> Callable[[Path], None]:
    """For whoever stops a stack: what its app logged goes into the run's verdict."""

    def note(logs: Path) -> None:
        pytestconfig.stash[ERRORS] += [asdict(e) for e in errors_in(logs, pytestconfig.stash[SPANS])]

    return note


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker hands over what it found."""
    node.config.stash[ERRORS] += getattr(node, "workeroutput", {}).get("app_errors", [])


def second_tries(config: pytest.Config) -> list[str]:
    """Each test once, even if its end failed as well."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    tried = reporter.stats.get("rerun", []) if reporter else []
    return list(dict.fromkeys(report.nodeid for report in tried))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["app_errors"] = config.stash[ERRORS]
    elif config.stash[ERRORS] or len(second_tries(config)) > SECOND_TRIES:
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if errors := config.stash[ERRORS]:
        terminalreporter.section("errors of the app that no test asked for", red=True)
        for error in errors:
            terminalreporter.write_line(f"during {error['during']}\n  {error['line'][:2000]}")
    if tries := second_tries(config):
        red = len(tries) > SECOND_TRIES
        more = f"; more than {SECOND_TRIES} make the run fail" if red else ""
        title = f"tried twice: {len(tries)}{more}"
        terminalreporter.section(title, red=red, yellow=not red)
        for name in tries:
            terminalreporter.write_line(name)
