"""Who is told what now: a comparison of what is open with what each channel was told, so that a restart
loses nothing and says nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from appliance.staff.alerts.models import AlertChannel
from appliance.staff.alerts.repository import LastAlert
from appliance.staff.alerts.words import Kind
from appliance.staff.issues.findings import SEVERITIES
from appliance.staff.issues.models import Issue

# The same trouble that comes and goes is told of once in this time, not each time.
FLAPPING = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class AlertPolicy:
    """How channels are to be told: the settings, and what somebody pressed."""

    repeat: timedelta | None
    silent: bool = False  # nobody is told of anything
    quiet: bool = False  # of nothing new: no event runs


@dataclass(frozen=True, slots=True)
class DueAlert:
    """One message that is to be written."""

    channel: AlertChannel
    issue: Issue
    kind: Kind


def due_alerts(
    channels: Sequence[AlertChannel],
    issues: Sequence[Issue],
    closed: Sequence[Issue],
    told: Sequence[LastAlert],
    policy: AlertPolicy,
    now: datetime,
) -> list[DueAlert]:
    """The messages that are due; ``closed`` are issues that are over."""
    if policy.silent:
        return []
    found: list[DueAlert] = []
    for channel in channels:
        mine = [one for one in told if one.channel_id == channel.id]
        if not policy.quiet:
            found += _open(channel, issues, mine, policy, now)
        lasts = {one.issue_id for one in mine if one.kind != "closed"}
        found += [DueAlert(channel, one, "closed") for one in closed if one.id in lasts]
    return found


def is_for(channel: AlertChannel, severity: str) -> bool:
    """Whether a channel wants to know of this severity."""
    return _rank(severity) <= _rank(channel.severity)


def _open(
    channel: AlertChannel,
    issues: Sequence[Issue],
    told: Sequence[LastAlert],
    policy: AlertPolicy,
    now: datetime,
) -> Iterator[DueAlert]:
    last = {one.issue_id: one for one in told}
    lately = {one.key for one in told if one.kind == "closed" and abs(now - one.at) < FLAPPING}
    for issue in issues:
        before = last.get(issue.id)
        if issue.is_ignored or not is_for(channel, issue.severity):
            continue
        if before is None and issue.key not in lately:
            yield DueAlert(channel, issue, "opened")
        elif before and _is_due_again(issue, before, policy, now):
            yield DueAlert(channel, issue, "repeat")


def _is_due_again(issue: Issue, before: LastAlert, policy: AlertPolicy, now: datetime) -> bool:
    """Only what stops photos is said again, and only once the last word has arrived."""
    if policy.repeat is None or issue.severity != SEVERITIES[0] or before.sent_at is None:
        return False
    return abs(now - before.sent_at) >= policy.repeat  # what was sent in a time to come says nothing


def _rank(severity: str) -> int:
    """0 is the worst; what a newer version calls otherwise is told as the least."""
    known = [str(one) for one in SEVERITIES]
    return known.index(severity) if severity in known else len(known) - 1
