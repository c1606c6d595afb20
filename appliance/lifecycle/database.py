"""The database of a verb, for as long as the verb runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from appliance.settings.environment import Settings

if TYPE_CHECKING:
    from appliance.core.db import Database


@asynccontextmanager
async def opened_database(settings: Settings, pool_size: int = 1) -> AsyncIterator[Database]:
    """A small pool, closed at the end."""
    from appliance.core.db import Database  # noqa: PLC0415 - slow to load, and some verbs need none

    database = Database(settings.sqlalchemy_url(), pool_size=pool_size)
    try:
        yield database
    finally:
        await database.aclose()
