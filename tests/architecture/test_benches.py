"""Benches are run by hand and rarely: what they borrow of the appliance and the suite must be there."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from tests.support.stack import CHECKOUT

BENCHES = sorted((CHECKOUT / "scripts/bench").glob("*.py"))


@pytest.mark.parametrize("bench", BENCHES, ids=lambda path: path.stem)
def test_a_bench_can_be_loaded(bench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert runpy.run_path(str(bench), run_name="loaded by a test")["__doc__"]
