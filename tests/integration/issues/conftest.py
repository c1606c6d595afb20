"""A database of a test's own, with all its tables."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from appliance.core.db import Database
from appliance.migrations.runner import upgrade
from tests.support.scratch import scratch_database
from tests.support.stack import Stack


@pytest.fixture
async def empty(stack: Stack) -> AsyncIterator[Database]:
    """No row in it."""
    async with scratch_database(stack, "issues") as url:
        await asyncio.to_thread(upgrade, url)
        database = Database(url, pool_size=2)
        try:
            yield database
        finally:
            await database.aclose()
