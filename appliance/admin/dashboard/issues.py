"""The list of issues on top of the dashboard, and ignoring one for a time."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from appliance.admin.dashboard.cards import Dashboard, OpenIssues
from appliance.admin.headers import MOUNT
from appliance.admin.issue_actions import may_press
from appliance.admin.render import part
from appliance.admin.security import MayPauseSlots, PageContext
from appliance.core.clock import utcnow
from appliance.core.errors import ValidationFailed
from appliance.core.language import Message
from appliance.staff.issues.service import Issues
from appliance.staff.issues.views import learn_more
from appliance.staff.issues.words import issue_words, slot_numbers

router = APIRouter(prefix="/dashboard/issues")

HOURS = (1, 12, 24 * 7)  # for which an issue can be ignored with a tap
AT_ONCE = 2  # issues that are shown; the rest unfolds


@router.post("/{issue_id}/ignore")
async def ignore(issue_id: Annotated[int, Path(ge=1, le=2**63 - 1)], context: MayPauseSlots) -> Response:
    """Have nobody told of it for some hours; 0: tell again."""
    hours = (await context.form()).text("hours")
    if hours not in {"0", *map(str, HOURS)}:
        raise ValidationFailed(fields={"hours": Message("is not known here; leave it out")})
    until = utcnow() + timedelta(hours=int(hours)) if int(hours) else None
    await context.service(Issues).ignore(issue_id, until, context.person)
    if not context.is_htmx:
        return context.redirect(f"{MOUNT}/")
    open_issues = await context.service(Dashboard).issues(fresh=True)
    return part(context, "_issues.html", **issue_words_of(context, open_issues))


def issue_words_of(context: PageContext, open_issues: OpenIssues) -> dict[str, Any]:
    """What the list's template may use."""
    return {
        "issues": open_issues,
        "issue_words": lambda issue: issue_words(issue, context.language.code),
        "may_press": lambda issue: bool(issue.action) and may_press(context, issue.action["kind"]),
        "learn_more": learn_more,
        "slot_numbers": slot_numbers,
        "ignore_hours": HOURS,
        "issues_at_once": AT_ONCE,
    }
