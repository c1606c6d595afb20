"""Faults really done: kills, full disks, clocks, strangers. Short by default, long by ``scripts/chaos``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.figures import FIGURE
from tests.support.installed import copied
from tests.support.stack import Stack, running_stack

Note = Callable[[str], None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("chaos")


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Note:
    """Says a figure at the end of the run."""
    return lambda figure: record_property(FIGURE, figure)


@pytest.fixture(scope="session")
def minutes(pytestconfig: pytest.Config) -> float:
    """How long the long form goes on; 0 is the short form."""
    found: float = pytestconfig.getoption("--chaos-minutes")
    return found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, installed: Path) -> Iterator[Stack]:
    """An appliance of the module's own: what is done to it here, nobody else should meet."""
    with running_stack(copied(installed, tmp_path_factory.mktemp("chaos") / "data")) as started:
        yield started


@pytest.fixture
async def keeps_photos(house: Stack) -> None:
    """Guests' own photos are kept as well: more files that a kill may leave behind."""
    async with house.database() as db:
        await db.execute(
            "insert into app_settings (key, value, updated_by) values ('keep_sources_hours', $1, 'test')"
            " on conflict (key) do update set value = excluded.value",
            24,
        )
