"""The target of backups beside this machine: late, held for another machine; and a proof that failed."""

from __future__ import annotations

from datetime import datetime, timedelta

from appliance.backups.models import BackupProof, BackupTarget
from appliance.backups.repository import BackupRepository, describe
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.staff.issues.findings import Action, Code, Finding, Source

LATE = timedelta(hours=36)  # one night may be missed, not two


def backup_target_source(database: Database) -> Source:
    """Looks at what was sent and proven last."""

    async def look() -> list[Finding]:
        async with database.session() as session:
            backups = BackupRepository(session)
            target, proof = await backups.target(), await backups.last_proof()
        return [*_target(target, utcnow()), *_proof(proof)]

    codes: tuple[Code, ...] = ("backup.not_sent", "backup.held", "backup.unproven")
    return Source("backup_target", codes, look, every=30.0)


def _target(row: BackupTarget | None, now: datetime) -> list[Finding]:
    if row is None:
        return []
    open_page = Action("open_backups", href="/admin/backups#target")
    where = {"target": describe(row)}
    if row.held:
        return [Finding("backup.held", "should_know", where, action=open_page, since=row.set_at)]
    # A time to come tells nothing: the clock was ahead.
    last = max((at for at in (row.sent_at, row.set_at) if at and at <= now), default=now - LATE)
    age = now - last
    if age < LATE:
        return []
    said = {**where, "age_seconds": int(age.total_seconds()) // 3600 * 3600}
    return [Finding("backup.not_sent", "should_know", said, action=open_page, since=last + LATE)]


def _proof(proof: BackupProof | None) -> list[Finding]:
    if proof is None or proof.ok:
        return []
    action = Action("open_backups", href="/admin/backups")
    said = {"problem": proof.problem_said or proof.problem or ""}
    return [Finding("backup.unproven", "should_know", said, action=action, since=proof.at)]
