"""An issue in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from appliance.core.language import Language, Message
from appliance.core.language import language as staff_language
from appliance.slots.schemas import number_of
from appliance.staff.issues.models import Issue
from appliance.staff.jobs.advice import advice

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
    values = values_of(issue.parameters, issue.slots, words)
    return IssueWords(
        filled(words, f"issue.{issue.code}.title", len(issue.slots), values),
        filled(words, f"issue.{issue.code}.meaning", len(issue.slots), values).strip(),
        action_label(issue.action, words),
    )


def action_label(action: Mapping[str, Any] | None, words: Language) -> str | None:
    """What stands on the button."""
    return words.gettext(f"issue.action.{action['kind']}") if action else None


def values_of(parameters: Mapping[str, Any], slots: Sequence[str], words: Language) -> dict[str, str]:
    """What the words put in, as people read it: the parameters, the slots, and the advice on a reason."""
    given = {name: value for name, value in parameters.items() if name not in ("fields", "values")}
    values = {name: _said(name, value, words) for name, value in given.items()}
    return {**values, "slots": slot_numbers(slots), **_advice(parameters, words)}


def slot_numbers(slots: Sequence[str]) -> str:
    """Slots as they are called on the machine: ``05, 07``."""
    more = len(slots) - _SLOTS_NAMED
    return ", ".join(map(number_of, slots[:_SLOTS_NAMED])) + (f" (+{more})" if more > 0 else "")


def filled(words: Language, key: str, count: int, values: Mapping[str, Any]) -> str:
    """The text of ``key``, in the form for ``count`` slots where it has several."""
    if isinstance(words.texts[key], tuple):
        return words.ngettext(key, count, **values)
    return words.gettext(key, **values)


def _advice(given: Mapping[str, Any], words: Language) -> dict[str, str]:
    """What is wrong, and what to do, where the reason has words of its own."""
    if "state" in given:
        place = {name: given.get(name, "") for name in ("host", "base", "detail")}
        return {"what": words.gettext(f"settings.address.{given['state']}", **place), "do": ""}
    if "finding" in given:
        name = f"booths.finding.{given['finding']}"
        return {
            "what": words.gettext(name, **given["values"]),
            "do": words.gettext(f"{name}.do", **given["values"]),
        }
    if "fields" in given:
        found = [f"{one['name']}: {words.message(Message.from_json(one))}" for one in given["fields"]]
        return {"what": words.gettext("card.wrong_settings"), "do": "; ".join(found)}
    told = advice(given.get("reason"), given.get("provider_reason"), words.code, given.get("provider_kind"))
    return {"what": told.what, "do": told.do} if told else {"what": "", "do": ""}


def _said(name: str, value: Any, words: Language) -> str:
    """A value as people read it, by what its name ends in."""
    if isinstance(value, list):
        return ", ".join(_said("provider" if name == "providers" else name, one, words) for one in value)
    if isinstance(value, str):
        if name.endswith("_on"):
            return words.day(date.fromisoformat(value))
        is_known = name == "provider" and words.has(f"provider.{value}")
        return words.gettext(f"provider.{value}") if is_known else value
    if isinstance(value, Mapping):
        return words.message(Message.from_json(value))
    if isinstance(value, bool):
        return str(value)
    return _number(name, value, words)


def _number(name: str, value: float, words: Language) -> str:
    if name.endswith("_bytes"):
        return words.size(int(value))
    if name.endswith("_seconds"):
        return words.seconds(float(value))
    return words.number(value, 0 if float(value).is_integer() else 1)
