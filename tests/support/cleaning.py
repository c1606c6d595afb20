"""A cleanup in the test's own process."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import make_url

from appliance.core.db import Database
from appliance.housekeeping.cleanup import Cleanup
from appliance.media.store import MediaStore
from tests.support.stack import Stack


async def clean(stack: Stack) -> dict[str, Any]:
    """One run, as a further process of the appliance would do it; its counts."""
    database = Database(make_url(stack.dsn()).set(drivername="postgresql+asyncpg"))
    try:
        return (await Cleanup(database, MediaStore(stack.media)).run(dry_run=False)).as_dict()
    finally:
        await database.aclose()
