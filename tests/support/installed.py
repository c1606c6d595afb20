"""An appliance that was installed once in a run and stopped.

Tests that need one of their own, and not that it is being installed, start a copy: that saves making a
cluster, its tables and what is seeded, a third of a start.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.logins import make_first_passwords_quick
from tests.support.stack import running_stack


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its data folder, for ``copied``; made by whichever worker comes first, for all of them."""
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    made = shared / "installed"
    with (shared / "installed.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            half_made = shared / "being-installed"
            with running_stack(half_made) as stack:
                asyncio.run(make_first_passwords_quick(stack))
            for of_a_run in ("run", "logs"):
                shutil.rmtree(half_made / of_a_run)
            half_made.rename(made)
    return made


def copied(installed: Path, data: Path) -> Path:
    """``data``, now with all that is in ``installed``; folders that are there already stay what they are."""
    data.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "--archive", "--reflink=auto", f"{installed}/.", str(data)], check=True)
    return data
