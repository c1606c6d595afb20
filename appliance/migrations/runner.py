"""Runs Alembic from the program: one migration at a time, never waiting long for a lock."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import create_async_engine

_LOCK_KEY = 0x50_43_4D_47  # "PCMG"
HERE = Path(__file__).parent


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration for this package; it runs on ``connection``."""
    made = Config()
    made.set_main_option("script_location", str(HERE))
    made.attributes["connection"] = connection
    return made


def _upgrade(connection: Connection, revision: str) -> None:
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
    # A previous version may still be serving: rather fail and be run again than block it.
    connection.execute(text("set local lock_timeout = '5s'"))
    command.upgrade(config(connection), revision)


async def _run(url: URL, revision: str) -> None:
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade, revision)
    finally:
        await engine.dispose()


def upgrade(url: URL, revision: str = "head") -> None:
    """Bring the database to ``revision`` in one transaction."""
    asyncio.run(_run(url, revision))
