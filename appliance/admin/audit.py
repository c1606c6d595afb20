"""The audit page: who changed what, from where, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response

from appliance.accounts.audit import AuditFilter
from appliance.accounts.models import AuditLog
from appliance.admin.headers import MOUNT
from appliance.admin.render import page, part
from appliance.admin.security import Visit, allowed
from appliance.admin.services import services_of

router = APIRouter()

A_PAGE = 50
# Each finds the actions beneath it too.
ACTIONS = (
    "login", "logout", "session", "account", "settings", "ingest_password", "slot", "template_media",
    "result", "gallery", "event", "signing_key",
)  # fmt: skip

MayRead = Annotated[Visit, Depends(allowed("audit:read"))]


@dataclass(frozen=True, slots=True)
class Change:
    """One value that was changed."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the audit log as it is shown."""

    row: AuditLog
    changes: list[Change]
    notes: dict[str, str]


@router.get("/audit")
async def audit_page(
    request: Request,
    visiting: MayRead,
    actor: str = "",
    action: str = "",
    since: str = "",
    until: str = "",
    cursor: str = "",
) -> Response:
    """The page; for HTMX the entries alone, or the next ones behind ``cursor``."""
    wanted = AuditFilter(
        actor=_word(actor), action=_word(action), since=_instant(since), until=_instant(until)
    )
    found = await services_of(request).audit.page(
        wanted, limit=A_PAGE, cursor=int(cursor) if cursor.isdecimal() and len(cursor) < 19 else None
    )
    chosen = {"actor": actor, "action": action, "since": since, "until": until}
    chosen = {name: value for name, value in chosen.items() if value}
    more = urlencode({**chosen, "cursor": found.next_cursor}) if found.next_cursor else None
    values: dict[str, Any] = {
        "entries": [_shown(entry) for entry in found.entries],
        "more": f"{MOUNT}/audit?{more}" if more else None,
        "is_filtered": bool(chosen),
    }
    if visiting.is_htmx:
        here = f"{MOUNT}/audit" + (f"?{urlencode(chosen)}" if chosen else "")
        headers = {} if cursor else {"HX-Replace-Url": here}
        template = "_audit_entries.html" if cursor else "_audit_list.html"
        return part(visiting, template, headers=headers, **values)
    return page(visiting, "audit.html", chosen=chosen, actions=ACTIONS, **values)


def _word(text: str) -> str | None:
    """What was typed, without what no entry can hold."""
    return text.replace("\0", "").strip()[:64] or None


def _instant(text: str) -> datetime | None:
    """A moment as the page's script sends it; without a zone it is taken as UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _shown(row: AuditLog) -> Entry:
    changes, notes = [], {}
    for name, value in row.detail.items():
        if name == "changes" and isinstance(value, dict):
            changes += [
                Change(key, _plain(change.get("from")), _plain(change.get("to")))
                for key, change in value.items()
                if isinstance(change, dict)
            ]
        elif isinstance(value, dict) and value.keys() == {"from", "to"}:
            changes.append(Change(name, _plain(value["from"]), _plain(value["to"])))
        elif name != "password":
            notes[name] = _plain(value)
    return Entry(row, changes, notes)


def _plain(value: Any) -> str:
    """A JSON value as a person reads it; long ones are cut."""
    if isinstance(value, dict):
        text = ", ".join(f"{key}: {_plain(item)}" for key, item in value.items())
    elif isinstance(value, list):
        text = ", ".join(_plain(item) for item in value)
    elif isinstance(value, float) and value == int(value):
        text = str(int(value))
    else:
        text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return (text if len(text) <= 300 else text[:299] + "…") or "–"
