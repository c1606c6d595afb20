"""What is wrong with a booth's request, by name. The words, and what to do, are in ``locale/staff``:
``booths.finding.NAME`` and ``booths.finding.NAME.do``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from appliance.core.language import Language
from appliance.ingest.booth_requests.records import BoothRequest
from appliance.ingest.proof import PASSWORD_FIELD
from appliance.slots.schemas import SLOT_IDS

Mood = Literal["wrong", "note"]

SLOW_MS = 5_000  # of receiving a photo; a picture of 6 MB takes less on any wired network
LARGE_BYTES = 8_000_000
_PASSWORD_LIKE = re.compile(r"(?i)^(pass|pwd|пароль)")
# What our own message names, in the order in which it is looked for.
_KINDS = {
    "HEIC": "heic",
    "RAW": "raw",
    "video": "video",
    "12-bit": "jpeg_12",
    "multipart": "no_multipart",
    "compressed": "compressed",
}
_BY_CODE = {
    "invalid_ingest_password": "wrong_password",
    "invalid_booth_key": "wrong_key",
    "slot_disabled": "slot_paused",
    "not_found": "wrong_address",
    "method_not_allowed": "wrong_method",
    "validation_failed": "wrong_reply",
    "not_an_image": "not_an_image",
    "damaged": "damaged",
    "payload_too_large": "too_large",
    "image_too_many_pixels": "too_large",
    "invalid_multipart": "cut_off",
    "slot_busy": "slot_busy",
    "idempotency_key_reused": "idempotency_key",
    "deadline_exceeded": "too_late",
}
NAMES = frozenset(
    {*_KINDS.values(), *_BY_CODE.values()}
    | {"no_password", "password_elsewhere", "password_in_address", "password_last", "key_for_other_slots"}
    | {"key_not_whole", "no_slot", "no_file", "empty_file", "other_type", "too_many_tries", "hung_up"}
    | {"no_reply", "slow", "large", "failed", "no_answer"}
)


@dataclass(frozen=True, slots=True)
class RequestFinding:
    """One thing that is wrong, or worth a look; ``values`` go into its words."""

    name: str
    mood: Mood = "wrong"
    values: Mapping[str, Any] = field(default_factory=dict)

    def what(self, language: Language) -> str:
        """What is the matter."""
        return language.gettext(f"booths.finding.{self.name}", **self.values)

    def do(self, language: Language) -> str:
        """What to do about it."""
        return language.gettext(f"booths.finding.{self.name}.do", **self.values)


def findings(one: BoothRequest) -> list[RequestFinding]:
    """Everything that can be said of a request, what is wrong first."""
    if one.status == 0:
        return [RequestFinding("no_answer")]
    wrong = [RequestFinding("hung_up", values={"seconds": round(one.ms / 1000)})] if _hung_up(one) else []
    if one.status >= 400 and not _hung_up(one):
        wrong += _refused(one)
    return [*wrong, *_worth_a_look(one)]


def _hung_up(one: BoothRequest) -> bool:
    return one.hung_up or one.status == 499


def _refused(one: BoothRequest) -> Iterator[RequestFinding]:
    """Why the booth was not given a picture."""
    match one.code:
        case "missing_field":
            yield _missing(one)
        case "slot_not_found":
            yield RequestFinding(
                "no_slot", values={"given": one.slot_id or "–", "meant": _meant(one.slot_id)}
            )
        case "invalid_booth_key":
            yield _wrong_key(one)
        case "unsupported_media_type":
            kind = next((name for word, name in _KINDS.items() if word in one.message), "other_type")
            yield RequestFinding(kind, values={"type": one.header("content-type") or "–"})
        case "rate_limited":
            yield RequestFinding("too_many_tries")
        case code:
            named = _BY_CODE.get(code, "failed")
            yield RequestFinding(
                named, values={"method": one.method, "slot": one.slot_id, "address": one.path}
            )
    if any(value.name == PASSWORD_FIELD for value in one.query) and one.shown_by is None:
        yield RequestFinding("password_in_address")


def _missing(one: BoothRequest) -> RequestFinding:
    if PASSWORD_FIELD not in one.error_fields:
        return RequestFinding("empty_file" if one.files else "no_file")
    for value in one.fields:
        if _PASSWORD_LIKE.match(value.name):
            return RequestFinding("password_elsewhere", values={"name": value.name})
    return RequestFinding("no_password")


def _wrong_key(one: BoothRequest) -> RequestFinding:
    if "is not for" in one.message:
        return RequestFinding("key_for_other_slots", values={"slot": one.slot_id})
    return RequestFinding("key_not_whole" if one.key_in_address == "odd" else "wrong_key")


def _meant(given: str) -> str:
    """The slot that somebody may have meant: ``slot-1`` is ``slot-001``."""
    digits = re.sub(r"\D", "", given)[-3:]
    meant = f"slot-{int(digits):03}" if digits else ""
    return meant if meant in SLOT_IDS else "slot-001"


def _worth_a_look(one: BoothRequest) -> Iterator[RequestFinding]:
    """What worked, and could go wrong or be better."""
    if one.status == 200 and one.reply_from == "slot" and one.reply == "json":
        yield RequestFinding("no_reply")
    received = one.timings.get("receive", 0)
    if received >= SLOW_MS:
        yield RequestFinding("slow", "note", {"seconds": round(received / 1000)})
    elif any(sent.size >= LARGE_BYTES for sent in one.files):
        yield RequestFinding("large", "note")
    if one.password_last and one.shown_by == "password":
        yield RequestFinding("password_last", "note")
