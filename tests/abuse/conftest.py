"""One stack for all attacks: what they leave behind is nobody else's concern."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.attacks import ATTACKS
from tests.support.figures import FIGURE
from tests.support.installed import copied
from tests.support.siege import Outcome, Siege
from tests.support.stack import running_stack

Under = Callable[..., Outcome]
# The short form runs beside other tests, on machines that have other things to do: photos may take longer
# there. `scripts/abuse` measures, and holds photos to 1.5 times.
MOST_IN_THE_SHORT_FORM = 8.0
MOST = 1.5


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("abuse")


@pytest.fixture(scope="session")
def siege(
    tmp_path_factory: pytest.TempPathFactory,
    installed: Path,
    pytestconfig: pytest.Config,
    note_errors: Callable[[Path], None],
) -> Iterator[Siege]:
    """An appliance, a booth that posts, and whoever wants to spoil it."""
    folder = copied(installed, tmp_path_factory.mktemp("besieged"))
    with running_stack(folder) as stack:
        yield Siege(stack, short=not pytestconfig.getoption("--abuse-minutes"))
    note_errors(folder / "logs")


@pytest.fixture
def under(siege: Siege, pytestconfig: pytest.Config, record_property: Callable[[str, object], None]) -> Under:
    """``under("large_bodies")``: an attack, beside which no photo was lost or took much longer."""
    minutes: float = pytestconfig.getoption("--abuse-minutes")

    def attack(name: str, seconds: float = 5, **facts: Any) -> Outcome:
        rounds = max(1, round(minutes * 60 / len(ATTACKS) / seconds))
        outcome = siege.under(name, seconds, rounds, **facts)
        record_property(FIGURE, str(outcome))
        assert outcome.beside.lost == [], outcome
        assert outcome.ratio < (MOST if minutes else MOST_IN_THE_SHORT_FORM), outcome
        return outcome

    return attack
