"""Backups: how old the newest is, whether one lies elsewhere, and a restore tried from it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

from appliance.backups.models import BackupProof
from appliance.backups.names import made_at
from appliance.backups.repository import BackupRepository, describe
from appliance.core.clock import utcnow
from appliance.staff.issues.findings import Action, Finding
from appliance.staff.issues.sources.backup_target import backup_target_source
from appliance.staff.issues.sources.backups import BACKUP_AGE
from appliance.staff.preflight.checks import Check, of_issue
from appliance.staff.preflight.tools import RunState, Tools

_PAGE = Action("open_backups", href="/admin/backups")
PROOF_SECONDS = 600.0  # a large backup that lies elsewhere takes longer; its proof goes on without us


async def age(tools: Tools, _: RunState) -> list[Check]:
    """Of the newest whole backup on this machine."""
    if tools.deployment.backup_dir is None:
        return [Check("backups", "backup.nowhere", "warning", action=_PAGE)]
    made = await asyncio.to_thread(_newest, tools.deployment.backup_dir)
    if made is None:
        return [of_issue("backups", Finding("backup.missing", "should_know", action=_PAGE))]
    said = {"age_seconds": int((utcnow() - made).total_seconds())}
    if utcnow() - made < BACKUP_AGE:
        return [Check("backups", "backup", parameters=said)]
    return [of_issue("backups", Finding("backup.old", "should_know", said, action=_PAGE))]


def _newest(folder: Path) -> datetime | None:
    """When the newest one was made; those from a time to come, of a clock that was ahead, tell nothing."""
    if not folder.is_dir():
        return None
    made, now = (made_at(path.name) for path in folder.iterdir()), utcnow()
    return max((one for one in made if one and one <= now), default=None)


async def target(tools: Tools, run: RunState) -> list[Check]:
    """Whether backups reach the place beside this machine, where there is one."""
    if not run.reached:
        return []
    found = await backup_target_source(tools.database).look()
    if found:
        return [of_issue("backups", one) for one in found if one.code != "backup.unproven"]
    async with tools.database.session() as session:
        row = await BackupRepository(session).target()
    if row is None or row.sent_at is None:
        return []
    said = {"target": describe(row), "age_seconds": int((utcnow() - row.sent_at).total_seconds())}
    return [Check("backups", "backup.sent", parameters=said)]


async def proof(tools: Tools, run: RunState) -> list[Check]:
    """The newest backup is restored into a database that is thrown away, unless that was just done."""
    if not run.reached or tools.deployment.backup_dir is None:
        return []
    made = await asyncio.to_thread(_newest, tools.deployment.backup_dir)
    if made is None:
        return []
    last = await _last(tools)
    if tools.backups is not None and not (last and last.ok and made < last.at <= utcnow()):
        if not await tools.backups.prove(run.by, PROOF_SECONDS):
            return [Check("backups", "proof.runs", "warning", action=_PAGE)]
        last = await _last(tools)
    if last is None:
        return [Check("backups", "proof.none", "warning", action=_PAGE)]
    if not last.ok:
        said = {"problem": last.problem_said or last.problem or ""}
        return [of_issue("backups", Finding("backup.unproven", "should_know", said, action=_PAGE))]
    since = max(timedelta(0), utcnow() - last.at)
    figures = {"age_seconds": int(since.total_seconds()), "rows": last.rows, "pictures": last.pictures}
    return [Check("backups", "proof", parameters=figures)]


async def _last(tools: Tools) -> BackupProof | None:
    async with tools.database.session() as session:
        return await BackupRepository(session).last_proof()
