"""How many processes the app of the suite's stack has: one, or as many as ``--app-processes`` says."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--app-processes",
        type=int,
        default=1,
        metavar="N",
        help="equal processes of the app in the suite's stack",
    )


@pytest.fixture(scope="session")
def app_processes(pytestconfig: pytest.Config) -> int:
    found: int = pytestconfig.getoption("--app-processes")
    return found
