"""An issue as the API gives it."""

from __future__ import annotations

from appliance.staff.issues.models import Issue
from appliance.staff.issues.schemas import IssueAction, IssueView
from appliance.staff.issues.words import issue_words


def issue_view(issue: Issue, language: str) -> IssueView:
    """With its words in that language."""
    words = issue_words(issue, language)
    return IssueView.from_object(
        issue,
        title=words.title,
        meaning=words.meaning,
        action=IssueAction.of(issue.action, words.action),
        learn_more=learn_more(issue.code),
        since=issue.opened_at,
    )


def learn_more(code: str) -> str:
    """Where the manual says more."""
    return f"/admin/manual/ops/issues.md#{code.replace('.', '')}"
