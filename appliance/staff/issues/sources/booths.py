"""Booths that used to post tonight and are silent."""

from __future__ import annotations

from sqlalchemy import text

from appliance.core.db import Database
from appliance.staff.issues.findings import AT_ONCE, Action, Finding, Source

# Silent: for twenty minutes, and six times as long as its photos were apart. After two hours it is gone.
_SILENT = text("""
with posted as (
    select booth, count(*) as photos, min(created_at) as first, max(created_at) as last,
           array_agg(distinct slot_id) as slots
    from job_history
    where created_at between now() - interval '5 hours' and now() and source = 'ingest' and booth is not null
    group by booth having count(*) >= 8
)
select booth, photos, last, slots from posted
where last < now() - greatest(interval '20 minutes', 6 * (last - first) / (photos - 1))
  and last > now() - interval '2 hours'
order by booth limit 20
""")


def booths_source(database: Database) -> Source:
    """Looks at the photos of the last hours."""

    async def look() -> list[Finding]:
        async with database.session() as session:
            rows = (await session.execute(_SILENT)).all()
        return [
            Finding(
                "booth.silent",
                "should_know",
                {"booth": row.booth, "photos": row.photos},
                tuple(row.slots),
                Action("open_jobs", href="/admin/jobs"),
                row.last,
                AT_ONCE,
                own_key=f"booth.silent.{row.booth}",
            )
            for row in rows
        ]

    return Source("booths", ("booth.silent",), look, every=30.0)
