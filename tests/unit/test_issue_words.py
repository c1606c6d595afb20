"""Every issue has its words in every language."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from appliance.core.language import Message, languages
from appliance.staff.alerts.words import Kind, message_text
from appliance.staff.issues.findings import CODES, ActionKind, Code
from appliance.staff.issues.models import Issue
from appliance.staff.issues.words import issue_words

# What any of them puts in.
PARAMETERS = {
    "provider": "gemini", "providers": ["gemini", "openai"], "key": "…abcd", "left": 1, "count": 2,
    "models": ["m"], "route": "gemini/m", "model": "m", "successor": "n", "ends_on": "2026-12-01",
    "address": "10.0.0.1", "tries": 20, "addresses": 3, "base": "http://localhost", "host": "localhost",
    "detail": "", "free_bytes": 1_800_000_000, "low_bytes": 2_000_000_000, "total_bytes": 4_000_000_000,
    "pictures": 4, "hours": 2.5, "photos": 3, "age_seconds": 40 * 3600, "off_seconds": 75, "starts": 4,
    "within_seconds": 1800, "booth": "10.0.0.1", "version": "1.2.0", "said": "line 3",
    "reason": "provider_failed", "provider_reason": "no_key", "automatic": False,
    "late": 3, "percent": 90, "minutes": 20, "amount": "12.50", "currency": "USD",
    "target": "sftp://nas", "problem": "the disk was full", "folder": "/media",
}  # fmt: skip


def issue(code: Code, **more: object) -> Issue:
    return Issue(
        code=code, key=code, severity="should_know", parameters=PARAMETERS | more, slots=["slot-005"]
    )


@pytest.mark.parametrize("lang", languages("staff"))
@pytest.mark.parametrize("code", CODES)
def test_every_issue_is_told_in_every_language(code: Code, lang: str) -> None:
    made = issue(code, state="own_machine") if code == "address.wrong" else issue(code)
    words = issue_words(made, lang)
    assert words.title
    assert words.meaning
    assert "%(" not in words.title + words.meaning
    assert "  " not in words.title + words.meaning


@pytest.mark.parametrize("lang", languages("staff"))
@pytest.mark.parametrize("kind", get_args(ActionKind))
def test_every_button_is_named_in_every_language(kind: str, lang: str) -> None:
    made = issue("disk.low")
    made.action = {"kind": kind}
    assert issue_words(made, lang).action


def test_figures_are_those_of_the_language() -> None:
    russian = issue_words(issue("disk.filling"), "ru")
    assert russian.title.replace("\xa0", " ") == "Диск заполнится через 2,5 ч"
    assert issue_words(issue("certificate.ending"), "en").title == "The certificate ends on December 1, 2026"


def test_an_alert_names_its_time_zone_and_the_day_where_that_is_another_one() -> None:
    began, over = datetime(2026, 12, 31, 20, 50, tzinfo=UTC), datetime(2026, 12, 31, 21, 10, tzinfo=UTC)
    made = issue("disk.low")
    made.opened_at, made.closed_at = began, over

    def line(kind: Kind, zone: str) -> str:
        text = message_text(made, kind, "en", base="http://box", now=over, zone=ZoneInfo(zone))
        return next(line for line in text.body.splitlines() if line.startswith(("Since", "From")))

    assert line("opened", "UTC") == "Since 20:50 UTC."
    assert line("opened", "Europe/Moscow") == "Since 2026-12-31 23:50 MSK."
    assert line("closed", "Europe/Moscow") == "From 2026-12-31 23:50 to 00:10 MSK."


def test_more_slots_than_fit_are_counted() -> None:
    made = issue("slot.failing")
    made.slots = [f"slot-{number:03}" for number in range(1, 9)]
    assert issue_words(made, "en").title == "Slots 01, 02, 03, 04, 05 (+3) make no pictures"


def test_why_a_backup_could_not_be_proven_is_told_in_the_readers_language() -> None:
    said = Message("%(name)s in the backup is not the picture that is here.", name="results/a.jpg")
    made = issue("backup.unproven", problem=said.as_json())
    assert "results/a.jpg в копии отличается" in issue_words(made, "ru").meaning
    assert str(said) in issue_words(made, "en").meaning
