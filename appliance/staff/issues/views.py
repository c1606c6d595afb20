"""An issue as the API gives it."""

from __future__ import annotations

from appliance.staff.issues.models import Issue
from appliance.staff.issues.schemas import IssueAction, IssueView
from appliance.staff.issues.words import issue_words


def issue_view(issue: Issue, language: str) -> IssueView:
    """With its words in that language."""
    words = issue_words(issue, language)
    action = None
    if issue.action and words.action:
        action = IssueAction.model_validate(
            {"kind": issue.action["kind"], "label": words.action}
            | {name: issue.action.get(name) or None for name in ("href", "method", "path", "body")}
        )
    return IssueView.from_object(
        issue,
        title=words.title,
        meaning=words.meaning,
        action=action,
        learn_more=learn_more(issue.code),
        since=issue.opened_at,
    )


def learn_more(code: str) -> str:
    """Where the manual says more."""
    return f"/admin/manual/ops/issues.md#{code.replace('.', '')}"
