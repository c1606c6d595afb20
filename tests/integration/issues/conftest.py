"""A database of a test's own, with all its tables."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from appliance.core.db import Database
from tests.support.scratch import migrated_database
from tests.support.stack import Stack


@pytest.fixture
async def empty(stack: Stack) -> AsyncIterator[Database]:
    """No row in it."""
    async with migrated_database(stack, "issues") as url:
        database = Database(url, pool_size=2)
        try:
            yield database
        finally:
            await database.aclose()
