"""What the tables say of now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_RESULTS = text("""
select count(*) filter (where hidden_at is null and deleted_at is null) as shown,
       count(*) filter (where hidden_at is not null and deleted_at is null) as hidden,
       count(*) filter (where deleted_at is not null) as deleted,
       coalesce(sum(result_size), 0) as bytes
from job_history where status = 'done' and cleaned_at is null
""")
_SLOTS = text("select count(*) filter (where active) as active, count(*) as of_all from slot")


@dataclass(frozen=True, slots=True)
class MediaFigures:
    """Results whose files are there, and slots."""

    results: Mapping[str, int]
    result_bytes: int
    slots: Mapping[str, int]


async def media_figures(session: AsyncSession) -> MediaFigures:
    """Counted now."""
    found = (await session.execute(_RESULTS)).one()
    slots = (await session.execute(_SLOTS)).one()
    return MediaFigures(
        {"shown": found.shown, "hidden": found.hidden, "deleted": found.deleted},
        int(found.bytes),
        {"active": slots.active, "paused": slots.of_all - slots.active},
    )
