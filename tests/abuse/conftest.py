"""One stack for all attacks: what they leave behind is nobody else's concern."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.siege import Siege
from tests.support.stack import running_stack


@pytest.fixture(scope="session")
def siege(tmp_path_factory: pytest.TempPathFactory, note_errors: Callable[[Path], None]) -> Iterator[Siege]:
    """An appliance, a booth that posts, and whoever wants to spoil it."""
    folder = tmp_path_factory.mktemp("besieged")
    with running_stack(folder) as stack:
        yield Siege(stack)
    note_errors(folder / "logs")
