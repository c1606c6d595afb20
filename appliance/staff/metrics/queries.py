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
_SLOTS = text("select slot_id, active from slot order by slot_id")
_EXPECTED = text("""
with installed as (select min(created_at) as at from account)
select task, extract(epoch from at)::float8 as at from (
    select 'cleanup' as task, at from installed
    union all select 'backup', at from installed
    union all select 'backup_off_the_box', set_at from backup_target
) one where at is not null
""")


@dataclass(frozen=True, slots=True)
class MediaFigures:
    """Results whose files are there, slots, and since when each task has been expected to end well."""

    results: Mapping[str, int]
    result_bytes: int
    slots: Mapping[str, bool]  # whether each is active
    expected_since: Mapping[str, float]  # seconds since 1970


async def media_figures(session: AsyncSession) -> MediaFigures:
    """Counted now."""
    found = (await session.execute(_RESULTS)).one()
    slots = {row.slot_id: row.active for row in await session.execute(_SLOTS)}
    expected = {row.task: row.at for row in await session.execute(_EXPECTED)}
    return MediaFigures(
        {"shown": found.shown, "hidden": found.hidden, "deleted": found.deleted},
        int(found.bytes),
        slots,
        expected,
    )
