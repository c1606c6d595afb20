"""How the suite is divided among its workers: a file goes to one of them, and all of the containers do."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

# What collecting makes (560,000 objects) stays: looking through it again and again took 3.5 of each worker's
# 11.5 s before the first test, and half a second whenever that happened later.
gc.disable()

TESTS = Path(__file__).resolve().parents[1]
# What takes longest begins first, so that the workers end together.
ORDER = (
    "container",
    "chaos",
    "generated",
    "bare",
    "browser",
    "abuse",
    "integration",
    "edge",
    "providers",
    "contract",
    "unit",
    "architecture",
)


def folder(path: Path) -> str:
    """Which of the suite's folders a file lies in."""
    inside = path.resolve().relative_to(TESTS).parts if path.resolve().is_relative_to(TESTS) else ()
    return inside[0] if inside else ""


# Files of one appliance. Upgrades have a registry and a venue of their own, and take as long as all other
# tests in containers together.
TOGETHER = ("tests/container/test_upgrade.py", "tests/container/", "tests/abuse/")


class ByFile(LoadScopeScheduling):
    """A file's tests stay together and in order, and so do files that share an appliance."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((shared for shared in TOGETHER if shared in file), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    config.option.loadscopereorder = False
    return ByFile(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Only where there are workers: whoever watches one test after another wants the quick ones first."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: ORDER.index(folder(item.path)) if folder(item.path) in ORDER else 99)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()
