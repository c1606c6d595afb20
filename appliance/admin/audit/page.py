"""The audit page: who changed what, from where, and when."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response

from appliance.accounts.actions import GROUPS
from appliance.accounts.audit import AuditFilter, AuditTrail
from appliance.accounts.models import AuditLog
from appliance.admin.headers import MOUNT
from appliance.admin.listing import Listing, instant
from appliance.admin.render import who_of
from appliance.admin.security import MayReadAudit, PageContext
from appliance.core.language import Language
from appliance.slots.schemas import SLOT_IDS

router = APIRouter()

LISTING = Listing(f"{MOUNT}/audit", "audit.html", "_audit_list.html", "_audit_entries.html")
A_PAGE = 50
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")


@dataclass(frozen=True, slots=True)
class AuditChange:
    """One value that was changed."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class AuditLine:
    """A line of the audit log as it is shown."""

    row: AuditLog
    changes: list[AuditChange]
    notes: dict[str, str | datetime]
    link: str | None  # to what it is about


@router.get("/audit")
async def audit_page(
    context: MayReadAudit,
    actor: str = "",
    action: str = "",
    since: str = "",
    until: str = "",
    cursor: str = "",
) -> Response:
    """The page; for HTMX the entries alone, or the next ones behind ``cursor``."""
    who = who_of(context.language, _word(actor) or "") or None
    wanted = AuditFilter(actor=who, action=_word(action), since=instant(since), until=instant(until))
    found = await context.service(AuditTrail).page(
        wanted, limit=A_PAGE, cursor=int(cursor) if cursor.isdecimal() and len(cursor) < 19 else None
    )
    chosen = {"actor": actor, "action": action, "since": since, "until": until}
    chosen = {name: value for name, value in chosen.items() if value}
    return LISTING.answer(
        context,
        chosen,
        cursor,
        found.next_cursor,
        entries=[_shown(entry, context) for entry in found.entries],
        named=lambda name: _named(context.language, name),
        actions=GROUPS,
    )


def _word(text: str) -> str | None:
    """What was typed, without what no entry can hold."""
    return text.replace("\0", "").strip()[:64] or None


def _shown(row: AuditLog, context: PageContext) -> AuditLine:
    changes: list[AuditChange] = []
    notes: dict[str, str | datetime] = {}
    language = context.language
    for name, value in row.detail.items():
        if name == "changes" and isinstance(value, dict):
            changes += [
                AuditChange(key, _plain(change.get("from"), language), _plain(change.get("to"), language))
                for key, change in value.items()
                if isinstance(change, dict)
            ]
        elif isinstance(value, dict) and value.keys() == {"from", "to"}:
            changes.append(AuditChange(name, _plain(value["from"], language), _plain(value["to"], language)))
        elif name != "password" and value is not None and value is not False:
            notes[name] = _moment(value) or _plain(value, language)
    return AuditLine(row, changes, notes, _link(row, context))


def _named(language: Language, name: str) -> str:
    """What a changed field is called on its page."""
    known = (f"{page}.{name}.label" for page in ("settings", "slot"))
    return next((language.gettext(key) for key in known if language.has(key)), name)


def _moment(value: Any) -> datetime | None:
    """A moment as details hold it; ``None`` for anything else."""
    return instant(value) if isinstance(value, str) and _MOMENT.match(value) else None


def _link(row: AuditLog, context: PageContext) -> str | None:
    """The page of what an entry is about, where there is one that the visitor may see."""
    kind, job = row.action.partition(".")[0], str(row.detail.get("job", ""))
    if kind == "result" and context.may("jobs:read"):
        return f"{MOUNT}/jobs/{row.subject}"
    if job and context.may("jobs:read"):
        return f"{MOUNT}/jobs/{job}"
    if row.subject in SLOT_IDS and context.may("slots:read"):
        return f"{MOUNT}/slots/{row.subject}"
    if kind == "template_media" and row.action != "template_media.deleted" and context.may("media:read"):
        return f"{MOUNT}/templates#t-{row.subject}"
    return None


def _plain(value: Any, language: Language) -> str:
    """A JSON value as a person reads it; long ones are cut."""
    if isinstance(value, dict):
        text = ", ".join(f"{key}: {_plain(item, language)}" for key, item in value.items())
    elif isinstance(value, list):
        text = ", ".join(_plain(item, language) for item in value)
    elif isinstance(value, bool):
        text = language.gettext("base.yes" if value else "base.no")
    elif isinstance(value, float) and value == int(value):
        text = str(int(value))
    else:
        text = "" if value is None else str(value)
    return (text if len(text) <= 300 else text[:299] + "…") or "–"
