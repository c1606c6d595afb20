"""What the running appliance knows of, as far as nothing else has looked at it just now."""

from __future__ import annotations

from sqlalchemy.exc import ProgrammingError

from appliance.staff.issues.findings import Action
from appliance.staff.issues.repository import IssueRepository
from appliance.staff.preflight.checks import ISSUE, Check, State
from appliance.staff.preflight.tools import RunState, Tools

# Of these there are lines that say how it is now, whether or not the app runs.
_LOOKED_AT = {
    *(
        "disk.away",
        "disk.read_only",
        "disk.full",
        "disk.low",
        "database.away",
        "jobs.stuck",
        "memory.low",
        "certificate.ending",
    ),
    *("clock.wrong", "address.wrong", "key.missing", "key.refused", "key.spent", "key.unusable"),
    *("model.ended", "model.ending", "backup.old", "backup.missing", "backup.not_sent", "backup.held"),
    "backup.unproven",
}


async def look(tools: Tools, run: RunState) -> list[Check]:
    """Its open issues."""
    if not run.reached:
        return []
    try:
        async with tools.database.session() as session:
            found = await IssueRepository(session).open_issues()
    except ProgrammingError:  # tables of an older version: the database's own line says so
        return []
    lines = []
    for one in found:
        if one.code in _LOOKED_AT:
            continue
        state: State = "bad" if one.severity == "stops_photos" and not one.is_ignored else "warning"
        action = Action(**one.action) if one.action else None
        lines.append(Check("known", ISSUE + one.code, state, one.parameters, tuple(one.slots), action))
    return lines or [Check("known", "known.nothing")]
