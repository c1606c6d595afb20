"""How many processes the app of the suite's stack has: one, or as many as ``--app-processes`` says.

Staff are served by the first of them and photos by any. What a person changes counts in all of them once it
is answered. What a process learned of a provider by a photo the others know within a second; and some things
each of them counts by itself (docs/ops/processes.md). A test that meets the one asks with ``told``, a test
that meets the other has its number multiplied by ``app_processes``; with one process both are as strict as
they can be.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.container.stack import allowed
from tests.support.waiting import until

Told = Callable[[Callable[[], Any]], Awaitable[Any]]


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


@pytest.fixture
def told(app_processes: int) -> Told:
    """``await told(question)``: the true answer of ``question``, which of one process is its first answer,
    and of several comes within a second.
    """

    async def ask(question: Callable[[], Any]) -> Any:
        if app_processes > 1:
            return await until(question, seconds=allowed(1))
        answer = question()
        if inspect.isawaitable(answer):
            answer = await answer
        assert answer, inspect.getsource(question)
        return answer

    return ask
