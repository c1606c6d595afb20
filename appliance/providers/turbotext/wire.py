"""Turbotext's form fields and what its answers mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from appliance.providers.base import (
    Params,
    ProviderBadKey,
    ProviderError,
    ProviderNoImage,
    ProviderPermanent,
    ProviderQuota,
    ProviderRefused,
)
from appliance.providers.error_parts import Text
from appliance.providers.http import Answer, status_error
from appliance.providers.scrub import word
from appliance.providers.turbotext.settings import (
    IdentityTransferParams,
    ImageEditParams,
    StyleTransferParams,
)

PHOTO = "photo"


@dataclass(frozen=True, slots=True)
class Method:
    """One API method: which picture its image parameters take, ``photo`` or a template's role.

    ``url`` is the parameter that a ``file`` may stand for; ``target`` is only ever an address.
    """

    name: str
    url: str = PHOTO
    target: str | None = None


METHODS = {
    "image_edit": Method("generate_image2image"),
    "style_transfer": Method("mix_images", url="style", target=PHOTO),
    "identity_transfer": Method("deepfake_photo", url=PHOTO, target="face"),
}

# About this photo, so that the same photo must not be sent again.
_PHOTO_WORDS = frozenset({"face_not_detected", "quality_limit"})
# How a refused key is spelt is not documented; these are the spellings an answer may have.
_KEY_WORDS = ("auth", "api_key", "apikey", "token", "access_denied")


def fields_of(params: Params) -> dict[str, str]:
    """The operation's own form fields, without the pictures."""
    match params:
        case ImageEditParams():
            fields = {
                "content": params.prompt,
                "strength": str(params.strength),
                "scale": f"{params.scale:g}",
                "original_language": params.original_language,
                "user_id": str(params.user_id),
            }
            if params.seed is not None:
                fields["seed"] = str(params.seed)
            if params.negative_prompt.strip():
                fields["negative_prompt"] = params.negative_prompt
            return fields
        case StyleTransferParams():
            return {"content": params.prompt} if params.prompt.strip() else {}
        case IdentityTransferParams():
            return {"face_restore": str(params.face_restore)}
        case _:
            raise TypeError(f"no form fields for {type(params).__name__}")


class Reply(BaseModel):
    """Any answer of either call."""

    success: Any = None
    action: Text = ""
    queueid: int | str | None = None
    error: Any = None
    forbidden_content: Any = None
    uploaded_image: Any = None
    data: Any = None

    @property
    def pending(self) -> bool:
        """Whether the picture is still being made."""
        return self.action == "reconnect"

    @property
    def forbidden(self) -> bool:
        """Whether the picture was made and held back; said inside ``data``, or at the top."""
        inside = self.data.get("forbidden_content") if isinstance(self.data, dict) else None
        return any(_is_yes(one) for one in (self.forbidden_content, inside))

    def address(self) -> str:
        """Where the picture is, perhaps as a relative path; raises if none is named."""
        data = self.data if isinstance(self.data, dict) else {}
        listed = data.get("image")
        first = listed[0] if isinstance(listed, list) and listed else listed
        for found in (self.uploaded_image, data.get("uploaded_image"), first):
            if isinstance(found, str) and found.strip():
                return found.strip()
        raise ProviderNoImage("no_address", http_status=200)

    def failure(self, answer: Answer, queue_id: str | None = None) -> ProviderError | None:
        """What the answer complains of; ``None`` if it does not."""
        reason = word(self.error)
        facts: dict[str, Any] = {"http_status": answer.status, "response_id": queue_id}
        if self.forbidden:
            return ProviderRefused("forbidden_content", **facts)
        lowered = reason.lower()
        if any(part in lowered for part in _KEY_WORDS):
            return ProviderBadKey(reason, **facts)
        if answer.status >= 400:
            return status_error(answer, reason or f"http_{answer.status}", response_id=queue_id)
        if not reason:
            unsaid_or_yes = self.success is None or _is_yes(self.success)
            return None if unsaid_or_yes else ProviderNoImage("no_success", **facts)
        kind: type[ProviderError] = ProviderPermanent
        if reason.upper() == "LIMIT":
            kind = ProviderQuota
        elif lowered in _PHOTO_WORDS:
            kind = ProviderRefused
        return kind(reason, **facts)


def _is_yes(value: Any) -> bool:
    """PHP spells truth in several ways."""
    return (
        value.strip().lower() not in {"", "0", "false", "no", "none"}
        if isinstance(value, str)
        else bool(value)
    )
