"""The database: whether it answers, and photos that it still calls pending."""

from __future__ import annotations

import asyncio

from sqlalchemy import text

from appliance.core.db import Database
from appliance.staff.issues.findings import Action, Finding, Source

_PATIENCE = 3.0  # seconds
_STUCK = text(
    "select count(*) as photos, array_agg(distinct slot_id) as slots from job_history "
    "where status = 'pending' and created_at < now() - interval '5 minutes'"
)


def database_source(database: Database) -> Source:
    """Asks it; an issue of its being away can only be written when it is back."""

    async def look() -> list[Finding]:
        try:
            async with asyncio.timeout(_PATIENCE):
                await database.ping()
        except Exception as error:  # noqa: BLE001 - whatever the driver raises, it is away
            said = {"error": type(error).__name__}
            return [Finding("database.away", "stops_photos", said, patience=5.0)]
        async with database.session() as session:
            stuck = (await session.execute(_STUCK)).one()
        if not stuck.photos:
            return []
        action = Action("open_jobs", href="/admin/jobs?status=pending")
        return [
            Finding(
                "jobs.stuck",
                "should_know",
                {"photos": stuck.photos},
                tuple(stuck.slots),
                action,
            )
        ]

    return Source("database", ("database.away", "jobs.stuck"), look)
