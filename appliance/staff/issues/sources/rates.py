"""Rates that are too high: failed and late photos, slow ones, silent booths, cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.settings.operator import AppSettingsRepository, OperatorSettings
from appliance.staff.issues.findings import AT_ONCE, Action, Code, Finding, Source
from appliance.staff.issues.periods import Period, Periods
from appliance.staff.stats.costs import cost_sums, total_cost

CODES: tuple[Code, ...] = ("photos.late", "photos.slow", "booths.silent", "budget.reached")
FEW = 20  # with fewer photos one bad one is no rate
_JOBS = Action("open_jobs", href="/admin/jobs?status=failed")
_RULES = Action("open_alerts", href="/admin/settings/alerts")

# The index on created_at gives the newest rows; an hour ago is another evening's matter, and those of a time
# to come were taken while the clock was ahead.
_RECENT = text("""
select count(*) as photos, count(*) filter (where status <> 'done') as late,
       percentile_cont(0.95) within group (order by share) filter (where status = 'done') as share
from (
    select status, (timings->>'total')::float8 / 1000 / deadline_seconds as share
    from job_history
    where source = 'ingest' and status <> 'pending' and created_at > :since and created_at <= now()
    order by created_at desc limit 50
) recent
""")
_LAST = text(
    "select max(created_at) from job_history"
    " where source = 'ingest' and created_at > :since and created_at <= now()"
)


class RecentPhotos(NamedTuple):
    """The last photos: how many, how many of them came to nothing, and the share of the deadline that 95
    of 100 keep to.
    """

    photos: int
    late: int
    share: float | None


def rates_source(database: Database) -> Source:
    """Looks at the last 50 photos, the booths' silence and the last day's cost."""

    async def look() -> list[Finding]:
        now = utcnow()
        async with database.session() as session:
            settings = await AppSettingsRepository(session).operator_settings()
            recent = await _recent(session, now)
            event = await Periods(session).event()
            last = await _last_photo(session, event) if event else None
            cost = await _cost(session, settings, now)
        found = photo_findings(recent, settings)
        if event and settings.alert_silent_minutes:
            found += silence_findings(event, last, settings, now)
        return found + cost

    return Source("rates", CODES, look, every=15.0)


def photo_findings(recent: RecentPhotos, settings: OperatorSettings) -> list[Finding]:
    """What the last photos show."""
    found: list[Finding] = []
    if recent.photos < FEW:
        return found
    percent = 100 * recent.late / recent.photos
    if settings.alert_late_percent and percent > settings.alert_late_percent:
        parameters = {"late": recent.late, "photos": recent.photos}
        found.append(Finding("photos.late", "will_stop", parameters, action=_JOBS))
    share = round(100 * (recent.share or 0))
    if settings.alert_deadline_percent and share > settings.alert_deadline_percent:
        found.append(Finding("photos.slow", "should_know", {"percent": share}, action=_JOBS))
    return found


def silence_findings(
    event: Period, last: datetime | None, settings: OperatorSettings, now: datetime
) -> Sequence[Finding]:
    """No photo, though an event runs; counted from its beginning at the earliest."""
    since = max(filter(None, (event.since, last)))
    if now - since < timedelta(minutes=settings.alert_silent_minutes):
        return []
    parameters = {"minutes": settings.alert_silent_minutes}
    return [Finding("booths.silent", "will_stop", parameters, (), _RULES, since, AT_ONCE)]


async def _recent(session: AsyncSession, now: datetime) -> RecentPhotos:
    row = (await session.execute(_RECENT, {"since": now - timedelta(hours=1)})).one()
    return RecentPhotos(row.photos, row.late, row.share)


async def _last_photo(session: AsyncSession, event: Period) -> datetime | None:
    found: datetime | None = await session.scalar(_LAST, {"since": event.since})
    return found


async def _cost(session: AsyncSession, settings: OperatorSettings, now: datetime) -> list[Finding]:
    """Asked for only where there is a budget: it reads a day's photos."""
    if not settings.alert_budget:
        return []
    spent = total_cost(await cost_sums(session, now - timedelta(days=1))).known
    over = [one for one in spent if one.amount >= Decimal(str(settings.alert_budget))]
    return [
        Finding(
            "budget.reached",
            "should_know",
            {"amount": float(round(one.amount, 2)), "currency": one.currency},
            action=_RULES,
            own_key=f"budget.reached.{one.currency}",
        )
        for one in over
    ]
