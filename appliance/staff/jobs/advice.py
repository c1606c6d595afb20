"""Why a job failed, in the reader's language, and what to do about it.

The words are those of ``core/failures.py`` or, more exactly where there are some, of
``providers/failures.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from appliance.core.failures import FAILURES, TOO_LATE, Failure
from appliance.core.language import language
from appliance.providers.failures import AT_THE_KEYS, BAD_KEY, UNREACHABLE, failure_of

SettingsPage = Literal["provider_keys"]


@dataclass(frozen=True, slots=True)
class Advice:
    """What happened, and what to do; ``place`` is where, in the settings."""

    what: str
    do: str
    place: SettingsPage | None = None


def advice(
    reason: str | None, provider_reason: str | None, lang: str, kind: str | None = None
) -> Advice | None:
    """What to tell of a failure; ``None`` for a job that did not fail.

    ``reason`` is the job's (an error code or a reason of its own), ``provider_reason`` and ``kind``
    are those of the attempt that it failed by.
    """
    if reason is None:
        return None
    found = failure_of(provider_reason, kind) or FAILURES.get(reason, FAILURES["internal_error"])
    return _in_words(found, lang, "provider_keys" if found in AT_THE_KEYS else None)


def advice_on_key(provider_reason: str | None, lang: str) -> Advice | None:
    """What a reason means to somebody who tests a key; ``None`` where it adds nothing to the outcome."""
    found = failure_of(provider_reason)
    if found is None or found in (BAD_KEY, TOO_LATE, UNREACHABLE):
        return None
    return _in_words(found, lang, "provider_keys")


def _in_words(failure: Failure, lang: str, place: SettingsPage | None) -> Advice:
    words = language("staff", lang)
    return Advice(words.text(failure.what), words.text(failure.do), place)
