"""Pictures of the pages, for people to look at: taken with ``--screens`` alone, since they take time."""

from __future__ import annotations

import pytest

from tests.support.stack import CHECKOUT

SCREENS = CHECKOUT / "artifacts" / "screens"
MANUAL = CHECKOUT / "docs" / "operator" / "pictures"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--screens",
        action="store_true",
        help="keep pictures of the pages that tests/browser opens, in artifacts/screens",
    )
    parser.addoption(
        "--manual", action="store_true", help="make the manual's pictures, docs/operator/pictures, anew"
    )
