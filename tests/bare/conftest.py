from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bare.appliance_run import Appliance
from tests.support.installed import copied


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Appliance]:
    one = Appliance(tmp_path / "data")
    yield one
    one.run("--stop")
    assert one.pids() == []


@pytest.fixture
def was_installed(appliance: Appliance, installed: Path) -> None:
    """``appliance`` was started before, and is stopped."""
    copied(installed, appliance.data)
