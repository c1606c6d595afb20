from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge.front_door import Backend, FrontDoor, open_door


@pytest.fixture
def backend() -> Iterator[Backend]:
    running = Backend()
    yield running
    running.close()


@pytest.fixture
def door(tmp_path: Path, backend: Backend) -> Iterator[FrontDoor]:
    with open_door(tmp_path, backend.port) as opened:
        yield opened
