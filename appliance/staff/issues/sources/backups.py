"""Backups and the sidecar: when each last did its work, and whether backups are sealed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.secrets import BackupPassphrase
from appliance.jobs.tally import LAST_SUCCESS
from appliance.staff.issues.findings import Action, Finding, Source

BACKUP_AGE = timedelta(hours=36)  # one night may be missed, not two
_SILENCE = timedelta(minutes=50)  # the sidecar cleans up every quarter of an hour
# A time to come counts as none: the clock was ahead. After it was set right the sidecar has this long.
_CLOCK_SET = 3600.0  # seconds
_START = 120.0  # seconds: an appliance that was switched off for long cleans up soon after it starts
_PAGE = Action("open_backups", href="/admin/backups")
_MOMENTS = text("select labels->>'task' as task, value from metric where name = :name")
_INSTALLED = text("select min(created_at) from account")


async def last_successes(database: Database) -> tuple[dict[str, datetime], datetime | None]:
    """When each task last ended well, and when this appliance was installed."""
    async with database.session() as session:
        rows = await session.execute(_MOMENTS, {"name": LAST_SUCCESS})
        found = {row.task: datetime.fromtimestamp(row.value, UTC) for row in rows}
        return found, await session.scalar(_INSTALLED)


def backups_source(database: Database, passphrase: BackupPassphrase) -> Source:
    """Looks at when backup and cleanup last ended well."""

    async def look() -> list[Finding]:
        now = utcnow()
        ended, installed = await last_successes(database)
        found = [*_backup(ended.get("backup"), installed or now, now)]
        if passphrase.read() is None:
            found.append(Finding("backup.unsealed", "should_know", action=_PAGE))
        cleanup = ended.get("cleanup", installed)
        found += _cleanup(cleanup, now)
        return found

    return Source(
        "backups", ("backup.missing", "backup.old", "backup.unsealed", "cleanup.silent"), look, every=30.0
    )


def _cleanup(last: datetime | None, now: datetime) -> list[Finding]:
    if last is None or timedelta(0) <= now - last <= _SILENCE:
        return []
    since, patience = (None, _CLOCK_SET) if last > now else (last, _START)
    return [Finding("cleanup.silent", "will_stop", since=since, patience=patience)]


def _backup(last: datetime | None, installed: datetime, now: datetime) -> list[Finding]:
    if last is not None and last > now:
        return [Finding("backup.missing", "should_know", action=_PAGE, patience=_CLOCK_SET)]
    age = now - (last or installed)
    if age < BACKUP_AGE:
        return []
    if last is None:
        return [Finding("backup.missing", "should_know", action=_PAGE)]
    hours = {"age_seconds": int(age.total_seconds()) // 3600 * 3600}
    return [Finding("backup.old", "should_know", hours, action=_PAGE, since=last + BACKUP_AGE)]
