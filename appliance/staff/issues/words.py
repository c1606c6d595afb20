"""An issue in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from appliance.core.language import Language
from appliance.core.language import language as staff_language
from appliance.staff.issues.models import Issue
from appliance.staff.jobs.advice import Advice, advice

_SLOTS_NAMED = 5


@dataclass(frozen=True, slots=True)
class IssueWords:
    """``title`` says what is wrong, ``meaning`` what comes of it and what to do, ``action`` what to press."""

    title: str
    meaning: str
    action: str | None


def issue_words(issue: Issue, language: str) -> IssueWords:
    """In the language of that code; in English if there is none."""
    words = staff_language("staff", language)
    values = {name: _said(name, value, words) for name, value in issue.parameters.items()}
    values["slots"] = slot_numbers(issue.slots)
    told = _advice(issue.parameters, words.code)
    values |= {"what": told.what, "do": told.do} if told else {"what": "", "do": ""}
    kind = issue.action["kind"] if issue.action else None
    return IssueWords(
        _filled(words, f"issue.{issue.code}.title", len(issue.slots), values),
        _filled(words, f"issue.{issue.code}.meaning", len(issue.slots), values).strip(),
        words.gettext(f"issue.action.{kind}") if kind else None,
    )


def slot_numbers(slots: list[str]) -> str:
    """Slots as they are called on the machine: ``05, 07``."""
    numbers = [slot.rpartition("-")[2].lstrip("0").zfill(2) for slot in slots]
    more = len(numbers) - _SLOTS_NAMED
    return ", ".join(numbers[:_SLOTS_NAMED]) + (f" (+{more})" if more > 0 else "")


def _filled(words: Language, key: str, count: int, values: Mapping[str, Any]) -> str:
    if isinstance(words.texts[key], tuple):
        return words.ngettext(key, count, **values)
    return words.gettext(key, **values)


def _advice(parameters: Mapping[str, Any], code: str) -> Advice | None:
    return advice(
        parameters.get("reason"), parameters.get("provider_reason"), code, parameters.get("provider_kind")
    )


def _said(name: str, value: Any, words: Language) -> str:
    """A value as people read it, by what its name ends in."""
    if name.endswith("_bytes"):
        return words.size(int(value))
    if name.endswith("_seconds"):
        return words.seconds(float(value))
    if name.endswith("_on") and value:
        return words.day(date.fromisoformat(value))
    if name == "provider" and words.has(f"provider.{value}"):
        return words.gettext(f"provider.{value}")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return words.number(value, 0 if float(value).is_integer() else 1)
    return words.message(str(value))
