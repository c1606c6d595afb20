"""Changes of many jobs come one after the other.

Each locks its rows in an order of its own: of two that meet, the database breaks one off.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_LOCK_KEY = 0x50_43_4A_42  # "PCJB"


async def lock_jobs(session: AsyncSession) -> None:
    """Let others who change many jobs wait until this transaction ends. One job alone needs no lock."""
    await session.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
