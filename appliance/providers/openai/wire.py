"""OpenAI's JSON: what an answer means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from appliance.providers.base import (
    ProviderBadKey,
    ProviderError,
    ProviderNoImage,
    ProviderNoModel,
    ProviderQuota,
    ProviderRefused,
    ProviderSpent,
    ProviderUnreachable,
    ProviderUnverified,
    ProviderWrongPlace,
)
from appliance.providers.error_parts import Text
from appliance.providers.http import Answer, retry_after, status_error
from appliance.providers.scrub import scrub, word
from appliance.providers.usage import Usage, count

# Error codes that judge the photo or the prompt.
REFUSALS = frozenset({"moderation_blocked", "content_policy_violation", "image_content_policy_violation"})
# The account has no money left: no waiting helps, another key may.
EMPTY_ACCOUNT = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "billing_not_active",
        "billing_hard_limit_reached",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
    }
)

_COUNTRY = "unsupported_country_region_territory"


class OneModel(BaseModel):
    """What is told of a model: a web page that answers in the provider's place has none of it."""

    id: str
    shutdown_date: str | None = None


class ModelList(BaseModel):
    """The models that a key may use."""

    data: list[OneModel]


class _Image(BaseModel):
    b64_json: str | None = Field(default=None, repr=False)


class EditAnswer(BaseModel):
    """The part of an answer that matters here."""

    data: list[_Image] | None = None
    counted: Any = Field(default=None, validation_alias="usage")

    def usage(self, size: str, quality: str) -> Usage:
        """What is billed; a picture of ``size`` and ``quality``, as they were asked for."""
        return Usage(
            {
                "image_in": count(self.counted, "input_tokens_details", "image_tokens"),
                "text_in": count(self.counted, "input_tokens_details", "text_tokens"),
                "image_out": count(self.counted, "output_tokens"),
            },
            size,
            quality,
        )

    def picture(self, response_id: str | None) -> str:
        """The picture as base64."""
        for image in self.data or ():
            if image.b64_json:
                return image.b64_json
        raise ProviderNoImage("no_image", http_status=200, response_id=response_id)


class _Error(BaseModel):
    message: Text = ""
    type: Text = ""
    code: Any = None


class ErrorAnswer(BaseModel):
    """The form of every error."""

    error: _Error

    @property
    def lacks_a_scope(self) -> bool:
        """Whether the key is valid but restricted: it may not do this one thing."""
        return "missing scopes" in self.error.message.lower()


def response_id_of(answer: Answer) -> str | None:
    """OpenAI's own name for the exchange."""
    return word(answer.headers.get("x-request-id")) or None


def failure(answer: Answer, said: ErrorAnswer | None, secrets: Sequence[str | None]) -> ProviderError:
    """The error that an HTTP status of 400 and above stands for; ``said`` is its body, if it was JSON."""
    response_id = response_id_of(answer)
    if said is None:
        return _obeying(answer, status_error(answer, response_id=response_id))
    reason = word(said.error.code) or word(said.error.type, f"http_{answer.status}")
    detail = scrub(said.error.message, secrets)
    if {reason, word(said.error.type)} & EMPTY_ACCOUNT:  # its type may be older and coarser than its code
        return ProviderSpent(reason, detail, http_status=answer.status, response_id=response_id)
    found = _kind(answer.status, reason, said.error.message.lower(), lacks_a_scope=said.lacks_a_scope)
    if found is not None:
        kind, reason = found
        return kind(reason, detail, http_status=answer.status, response_id=response_id)
    return _obeying(answer, status_error(answer, reason, detail, response_id=response_id))


def _kind(
    status: int, reason: str, message: str, *, lacks_a_scope: bool
) -> tuple[type[ProviderError], str] | None:
    """Class and reason of a failure whose status alone would not tell it; ``None`` where it does."""
    if reason in REFUSALS:
        return ProviderRefused, reason
    if reason == "model_not_found" or (status == 404 and "model" in message):
        return ProviderNoModel, "model_not_found"
    return _forbidden(reason, message, lacks_a_scope=lacks_a_scope) if status == 403 else None


def _forbidden(reason: str, message: str, *, lacks_a_scope: bool) -> tuple[type[ProviderError], str] | None:
    """What a 403 speaks of: seldom of the key."""
    if lacks_a_scope:
        return ProviderBadKey, "missing_scope"
    if reason == _COUNTRY or ("country" in message and "not supported" in message):
        return ProviderWrongPlace, "location_unsupported"
    if "must be verified" in message:
        return ProviderUnverified, "organization_unverified"
    return None


def _obeying(answer: Answer, error: ProviderError) -> ProviderError:
    """``error`` as ``X-Should-Retry`` and the statuses that pass by themselves make it.

    A quota is left as it is: another key may have some.
    """
    if isinstance(error, ProviderQuota):
        return error
    wish = answer.headers.get("x-should-retry", "").lower()
    if wish != "true" and answer.status != 409:
        error.again = error.again and wish != "false"
        return error
    again = ProviderUnreachable(
        error.reason,
        error.detail,
        http_status=error.http_status,
        response_id=error.response_id,
        retry_after=retry_after(answer.headers),
    )
    again.again = wish != "false"
    return again
