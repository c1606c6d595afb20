"""Empty databases beside the appliance's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy.engine import URL, make_url

from tests.support.stack import Stack


@asynccontextmanager
async def scratch_database(stack: Stack, name: str) -> AsyncIterator[URL]:
    """A new database of this name, which belongs to the app's role; gone after the block."""
    password = (stack.data / "secrets/database-superuser-password").read_text().strip()
    superuser = make_url(stack.dsn("postgres")).set(username="postgres", password=password)
    db = await asyncpg.connect(superuser.render_as_string(hide_password=False))
    try:
        await db.execute(f"drop database if exists {name} with (force)")
        await db.execute(f"create database {name} owner photochanger")
        try:
            yield make_url(stack.dsn(name)).set(drivername="postgresql+asyncpg")
        finally:
            await db.execute(f"drop database {name} with (force)")
    finally:
        await db.close()
