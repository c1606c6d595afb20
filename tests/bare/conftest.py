from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bare.appliance_run import Appliance


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Appliance]:
    one = Appliance(tmp_path / "data")
    yield one
    one.run("--stop")
    assert one.pids() == []
