"""What a message says, in the channel's language."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Literal, NamedTuple

from appliance.core.language import Language
from appliance.core.language import language as staff_language
from appliance.staff.issues.models import Issue
from appliance.staff.issues.words import issue_words, slot_numbers

Kind = Literal["opened", "repeat", "closed"]
_LONGEST_TITLE = 250


class Text(NamedTuple):
    """A message's title and body."""

    title: str
    body: str


def message_text(
    issue: Issue, kind: Kind, code: str, *, base: str, now: datetime, zone: tzinfo | None = None
) -> Text:
    """What, which slot, since when, what to press, and where. ``zone`` is the machine's own if not
    given; it is named, as a container's is often UTC.
    """
    words, said = staff_language("staff", code), issue_words(issue, code)
    since = issue.opened_at.astimezone(zone)
    lines = []
    if kind == "closed":
        over = (issue.closed_at or now).astimezone(zone)
        title = words.gettext("alerts.message.closed", title=said.title)
        start, end = _moment(since, over), _moment(over, over)
        lines.append(words.gettext("alerts.message.lasted", start=start, end=f"{end} {over:%Z}"))
    else:
        mark = words.gettext(f"alerts.severity.{issue.severity}")
        title = f"{mark}: {said.title}"
        lines += [said.meaning] if said.meaning else []
        lines.append(_since(words, kind, since, now.astimezone(zone)))
    if issue.slots:
        lines.append(words.gettext("alerts.message.slots", slots=slot_numbers(issue.slots)))
    if kind != "closed" and said.action:
        lines.append(words.gettext("alerts.message.press", action=said.action))
    lines.append(base + _place(issue, kind))
    return Text(title[:_LONGEST_TITLE], "\n".join(lines))


def test_text(name: str, code: str, base: str) -> Text:
    """A message that only shows that the channel works."""
    words = staff_language("staff", code)
    return Text(
        words.gettext("alerts.message.test"),
        "\n".join([words.gettext("alerts.message.test_text", name=name), f"{base}/admin/settings/alerts"]),
    )


def _since(words: Language, kind: Kind, since: datetime, now: datetime) -> str:
    clock = f"{_moment(since, now)} {since:%Z}"
    if kind == "opened":
        return words.gettext("alerts.message.since", moment=clock)
    minutes = max(1, int((now - since).total_seconds() // 60))
    return words.ngettext("alerts.message.still", minutes, moment=clock)


def _moment(moment: datetime, beside: datetime) -> str:
    """With its day where that is another one."""
    return f"{moment:%H:%M}" if moment.date() == beside.date() else f"{moment:%Y-%m-%d %H:%M}"


def _place(issue: Issue, kind: Kind) -> str:
    """The page where it is pressed, below the base that guests' links have too."""
    href = (issue.action or {}).get("href") if kind != "closed" else None
    return href or "/admin/"
