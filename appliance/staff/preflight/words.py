"""A check in the reader's language: issues are told in their own words, everything else in its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from appliance.core.language import language as staff_language
from appliance.staff.issues.words import action_label, filled, values_of
from appliance.staff.preflight.checks import ISSUE


@dataclass(frozen=True, slots=True)
class CheckWords:
    """``said``: how it is; ``do``: what to do about it, empty where it is well; ``action``: what to press."""

    said: str
    do: str
    action: str | None


def check_words(check: Mapping[str, Any], language: str) -> CheckWords:
    """Of a check as the table holds it; in English if there is no such language."""
    words = staff_language("staff", language)
    slots = check["slots"]
    values = values_of(check["parameters"], slots, words)
    code = check["code"]
    is_issue = code.startswith(ISSUE)
    said = f"{code}.title" if is_issue else f"preflight.{code}"
    do = f"{code}.meaning" if is_issue else f"preflight.{code}.do"
    return CheckWords(
        filled(words, said, len(slots), values),
        filled(words, do, len(slots), values).strip() if words.has(do) else "",
        action_label(check["action"], words),
    )
