"""Why a job failed, in plain words, and what to do about it.

The one place for these words: the API and the pages both take them from here. The key is a job's
``failure_reason`` (an error code, or one of two reasons of the job's own) or, more exactly where
there is one, the provider's own reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from appliance.core.errors import ErrorCode
from appliance.core.language import language
from appliance.jobs.models import INTERRUPTED_REASON, TIMEOUT_REASON
from appliance.staff.jobs.provider_advice import (
    AT_THE_KEYS,
    BAD_KEY,
    PROVIDER_TEXTS,
    TOO_LATE,
    UNREACHABLE,
    Texts,
)

SettingsPage = Literal["provider_keys"]


@dataclass(frozen=True, slots=True)
class Advice:
    """What happened, and what to do, which may be empty; ``place`` is where, in the settings."""

    what: str
    do: str
    place: SettingsPage | None = None


_UPLOAD: Texts = (
    "The upload could not be read.",
    "Check the network between booth and appliance and send the photo again.",
)
_LOGIN: Texts = (
    "You are not logged in, or the session has ended.",
    "Log in again.",
)
_NOTHING_THERE: Texts = (
    "There is nothing at this address.",
    "Check the address.",
)
_BUSY_CLIENT: Texts = (
    "Too many requests at once.",
    "Wait a moment.",
)
_REFUSED: Texts = (
    "The provider's rules refused this photo or prompt.",
    "Take another photo, or word the slot's prompt more carefully.",
)
_NO_IMAGE: Texts = (
    "The provider answered without a picture.",
    "Send the photo again. If it happens often, change the prompt or the model.",
)
_PICTURE: Texts = (
    "The file is no picture that can be used.",
    "Set the booth to send JPEG, PNG or WebP of a smaller size.",
)

_DAMAGED: Texts = (
    "The photo is damaged or was cut off on the way.",
    "Take it again. If it happens often, check the cable, the card and the network.",
)

_TEXTS: dict[str, Texts] = {
    TIMEOUT_REASON: TOO_LATE,
    INTERRUPTED_REASON: (
        "The appliance was restarted while it worked on this photo.",
        "Send the photo again.",
    ),
    ErrorCode.DEADLINE_EXCEEDED: TOO_LATE,
    ErrorCode.SLOT_BUSY: (
        "Too many photos were on their way at the same time.",
        "Send the photo again. If it happens often, raise the permits or spread the booths over more slots.",
    ),
    ErrorCode.PROVIDER_FAILED: (
        "The provider could not make a picture with the slot's settings.",
        "Look at the attempts below, then check the slot's settings and the provider's key.",
    ),
    ErrorCode.PROVIDER_REFUSED: _REFUSED,
    ErrorCode.PROVIDER_NO_IMAGE: _NO_IMAGE,
    ErrorCode.PROVIDER_UNAVAILABLE: UNREACHABLE,
    ErrorCode.STORAGE_FULL: (
        "The disk is full.",
        "Free some space, or let results expire sooner.",
    ),
    ErrorCode.DATABASE_UNAVAILABLE: (
        "The database did not answer.",
        "Wait a few seconds. If it lasts, restart the appliance.",
    ),
    ErrorCode.SERVICE_UNAVAILABLE: (
        "The appliance was starting or being upgraded.",
        "Send the photo again.",
    ),
    ErrorCode.INTERNAL_ERROR: (
        "Something went wrong inside the appliance.",
        "Send the photo again. If it happens again, look up this job's id in the log.",
    ),
    ErrorCode.INVALID_REQUEST: _UPLOAD,
    ErrorCode.INVALID_MULTIPART: _UPLOAD,
    ErrorCode.MISSING_FIELD: _UPLOAD,
    ErrorCode.PAYLOAD_TOO_LARGE: _PICTURE,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: _PICTURE,
    ErrorCode.NOT_AN_IMAGE: _PICTURE,
    ErrorCode.DAMAGED: _DAMAGED,
    ErrorCode.IMAGE_TOO_MANY_PIXELS: _PICTURE,
    ErrorCode.INVALID_INGEST_PASSWORD: (
        "The booth sent a wrong ingest password.",
        "Type the current one into the booth software.",
    ),
    ErrorCode.NOT_AUTHENTICATED: _LOGIN,
    ErrorCode.TOKEN_EXPIRED: _LOGIN,
    ErrorCode.INVALID_CREDENTIALS: (
        "User name or password is wrong.",
        "Type them again.",
    ),
    ErrorCode.PERMISSION_DENIED: (
        "Your account may not do that.",
        "Ask an administrator.",
    ),
    ErrorCode.CSRF_FAILED: (
        "The page was open for too long.",
        "Reload it and try again.",
    ),
    ErrorCode.NOT_FOUND: _NOTHING_THERE,
    ErrorCode.SLOT_NOT_FOUND: _NOTHING_THERE,
    ErrorCode.JOB_NOT_FOUND: _NOTHING_THERE,
    ErrorCode.RESULT_NOT_FOUND: _NOTHING_THERE,
    ErrorCode.TEMPLATE_MEDIA_NOT_FOUND: _NOTHING_THERE,
    ErrorCode.METHOD_NOT_ALLOWED: _NOTHING_THERE,
    ErrorCode.SLOT_DISABLED: (
        "The slot is paused.",
        "Resume it, or use another slot.",
    ),
    ErrorCode.SOURCE_NOT_KEPT: (
        "The guest's photo was not kept.",
        "Turn on keeping photos in the settings, for a few hours.",
    ),
    ErrorCode.RESULT_EXPIRED: (
        "The picture was kept for its time and is gone.",
        "Keep results longer next time.",
    ),
    ErrorCode.IDEMPOTENCY_KEY_REUSED: (
        "The booth used one key for two photos.",
        "Set the booth to send a new key with each photo.",
    ),
    ErrorCode.VERSION_CONFLICT: (
        "Somebody else changed this in the meantime.",
        "Look at the newest state and try again.",
    ),
    ErrorCode.TEMPLATE_MEDIA_IN_USE: (
        "Slots use this template.",
        "Choose another one in them first.",
    ),
    ErrorCode.EVENT_NOT_EXPORTED: (
        "Some pictures are in no archive yet.",
        "Export the event first.",
    ),
    ErrorCode.VALIDATION_FAILED: (
        "Some values are not right.",
        "Correct what is marked.",
    ),
    ErrorCode.RATE_LIMITED: _BUSY_CLIENT,
    ErrorCode.TOO_MANY_LOGINS: _BUSY_CLIENT,
}


def advice(reason: str | None, provider_reason: str | None, lang: str) -> Advice | None:
    """What to tell of a failure; ``None`` for a job that did not fail."""
    if reason is None:
        return None
    texts = PROVIDER_TEXTS.get(provider_reason or "") or _TEXTS.get(reason)
    texts = texts or _TEXTS[ErrorCode.INTERNAL_ERROR]
    return _in_words(texts, lang, "provider_keys" if provider_reason in AT_THE_KEYS else None)


def advice_on_key(provider_reason: str | None, lang: str) -> Advice | None:
    """What a reason means to somebody who tests a key; ``None`` where it adds nothing to the outcome."""
    texts = PROVIDER_TEXTS.get(provider_reason or "")
    if texts is None or texts in (BAD_KEY, TOO_LATE, UNREACHABLE):
        return None
    return _in_words(texts, lang, "provider_keys")


def _in_words(texts: Texts, lang: str, place: SettingsPage | None) -> Advice:
    words = language("staff", lang)
    what, do = (words.text(text) for text in texts)
    return Advice(what, do, place)


def known_reasons() -> set[str]:
    """Every reason that has words of its own."""
    return {str(reason) for reason in _TEXTS}
