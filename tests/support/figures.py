"""The long forms of ``tests/chaos`` and ``tests/abuse``, and what is measured there, said at the end."""

from __future__ import annotations

from typing import Any

import pytest

FIGURE = "figure"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--chaos-minutes",
        type=float,
        default=0.0,
        help="the long form of tests/chaos: so many minutes for what goes on and on",
    )
    parser.addoption(
        "--chaos-kills",
        type=int,
        default=0,
        help="the long form of what kills either of two processes: so many kills",
    )
    parser.addoption(
        "--abuse-minutes",
        type=float,
        default=0.0,
        help="the long form of tests/abuse: so many minutes for all attacks together",
    )


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """For docs/ops/reliability.md."""
    reports = [*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])]
    figures = [
        f"{report.nodeid.rpartition('::')[2]}: {value}"
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == FIGURE
    ]
    if figures:
        terminalreporter.section("figures")
    for figure in figures:
        terminalreporter.write_line(figure)
