"""fal's queue: what is sent, and what its answers mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from pydantic import BaseModel

from appliance.providers.base import (
    EncodedImage,
    ProviderBadKey,
    ProviderError,
    ProviderNoImage,
    ProviderNoModel,
    ProviderNotServed,
    ProviderRefused,
    ProviderServiceOff,
    ProviderSpent,
    ProviderUnreachable,
)
from appliance.providers.catalogue import Capabilities
from appliance.providers.error_parts import InputErrors, Text
from appliance.providers.fal.settings import ImageEditParams, ImageField
from appliance.providers.http import Answer, retry_after, status_error
from appliance.providers.json_body import Base64
from appliance.providers.scrub import scrub, word

UNITS = "x-fal-billable-units"
REQUEST_ID = "x-fal-request-id"  # the app itself was reached, and may have been paid for
# Error types that judge the photo or the prompt.
REFUSALS = frozenset({"content_policy_violation", "face_detection_error"})
_NO_MEDIA = "no_media_generated"
_NO_MONEY = ("exhausted balance", "top_up", "top up")
_TRY_AGAIN = frozenset({408, 409})
_BY_STATUS: dict[int, tuple[type[ProviderError], str]] = {
    401: (ProviderBadKey, "unauthorized"),
    403: (ProviderNotServed, "forbidden"),  # of the account or the app: the key is known
    404: (ProviderNoModel, "app_not_found"),
    408: (ProviderUnreachable, "http_408"),
    409: (ProviderUnreachable, "http_409"),
}
_INGRESS = frozenset({502, 503, 504})
KEPT_SECONDS = 3600  # how long fal keeps the pictures of a request


def data_uri(image: EncodedImage) -> Base64:
    """A picture as fal takes it in place of an address."""
    return Base64(image.content, f"data:{image.media_type};base64,")


def pictures(field: ImageField, images: Sequence[Base64]) -> dict[str, Any]:
    """The input field that holds the pictures, the photo first."""
    return {field: images[0] if field == "image_url" else list(images)}


def edit_input(
    params: ImageEditParams, has: Capabilities, images: Sequence[Base64], ratio: str | None
) -> dict[str, Any]:
    """The input of a known model; what it would choose anyway, or does not have, is left out."""
    field = has.picture_field or "image_urls"
    found: dict[str, Any] = {"prompt": params.prompt, **pictures(field, images)}
    if params.output_format in has.file_types:
        found["output_format"] = params.output_format
    if ratio in has.ratios:
        found["aspect_ratio"] = ratio
    if params.resolution in has.sizes:
        found["resolution"] = params.resolution
    if params.safety_tolerance is not None and has.safety_levels:
        found["safety_tolerance"] = str(min(params.safety_tolerance, has.safety_levels))
    if params.seed is not None:
        found["seed"] = params.seed
    return found


class Submitted(BaseModel):
    """A place in the queue, and where to ask for it."""

    request_id: str
    response_url: str
    status_url: str
    cancel_url: str


class Status(BaseModel):
    """How far a request is; ``COMPLETED`` also for one that failed."""

    status: str
    queue_position: int | None = None
    error: Any = None
    error_type: Text = ""


class _Picture(BaseModel):
    url: str


class Result(BaseModel):
    """What a model made: most name ``images``, some ``image``."""

    images: list[_Picture] | None = None
    image: _Picture | None = None
    has_nsfw_concepts: list[bool] | bool | None = None

    def address(self, request_id: str) -> str:
        """Where the picture is; raises what its absence means."""
        facts: dict[str, Any] = {"http_status": 200, "response_id": request_id}
        seen = self.has_nsfw_concepts
        if any(seen) if isinstance(seen, list) else seen:
            raise ProviderRefused("has_nsfw_concepts", **facts)
        found = next(iter(self.images or ()), self.image)
        if found is not None and found.url:
            return found.url
        error = ProviderNoImage("no_image", **facts)
        # An app whose answer has no place for pictures has none for the next one either.
        error.again = self.images is not None or self.image is not None
        raise error


class ErrorAnswer(InputErrors):
    """The form of every error."""

    error_type: Text = ""

    def reason(self, headers: Mapping[str, str]) -> str:
        """The provider's own word for it; empty if it has none."""
        return self.type or word(self.error_type or headers.get("x-fal-error-type"))


def failure(
    answer: Answer, said: ErrorAnswer | None, secrets: Sequence[str | None], request_id: str | None = None
) -> ProviderError:
    """The error that an HTTP status of 400 and above stands for; ``said`` is its body, if it was JSON."""
    error = _failure(answer, said, secrets, request_id)
    if answer.status >= 500 or answer.status in _TRY_AGAIN:
        error.again = _worth_another(answer.status, answer.headers)
    return error


def _failure(
    answer: Answer, said: ErrorAnswer | None, secrets: Sequence[str | None], request_id: str | None
) -> ProviderError:
    status, response_id = answer.status, request_id or word(answer.headers.get(REQUEST_ID)) or None
    if said is None:
        return status_error(answer, response_id=response_id)
    reason, detail = said.reason(answer.headers), scrub(said.text, secrets)
    kind, otherwise = _kind(status, reason, said.text.lower())
    if kind is None and _is_retryable(answer.headers):  # as a 400 that only passes on what another said
        kind, otherwise = ProviderUnreachable, f"http_{status}"
    if kind is None:
        return status_error(answer, reason or f"http_{status}", detail, response_id=response_id)
    return kind(
        reason or otherwise,
        detail,
        http_status=status,
        response_id=response_id,
        retry_after=retry_after(answer.headers),
    )


def _kind(status: int, reason: str, text: str) -> tuple[type[ProviderError] | None, str]:
    """The class of an error that the status alone does not tell, and its reason where fal names none."""
    if reason in REFUSALS:
        return ProviderRefused, reason
    if reason == _NO_MEDIA:
        return ProviderNoImage, reason
    if status == 403 and any(words in text for words in _NO_MONEY):
        return ProviderSpent, "exhausted_balance"
    if status == 403 and "user is locked" in text:  # 'Admin lock': money does not open it
        return ProviderServiceOff, "account_suspended"
    return _BY_STATUS.get(status, (None, ""))


def _worth_another(status: int, headers: httpx.Headers) -> bool:
    """Whether a request may be sent again: what reached the app, fal itself has tried up to ten times."""
    if headers.get("x-fal-request-timeout-type"):  # our own wish, "not after the deadline"
        return False
    if REQUEST_ID in headers:
        return _is_retryable(headers)
    return status in _INGRESS or status in _TRY_AGAIN


def _is_retryable(headers: httpx.Headers) -> bool:
    return str(headers.get("x-fal-retryable", "")).lower() == "true"


def may_be_billed(answer: Answer) -> bool:
    """Whether a run that failed may be on the bill: one that a server's error ended never is, one that
    its input ended may be (fal's FAQ, 2026-11-22), unless it says that it used nothing.
    """
    return answer.status < 500 and REQUEST_ID in answer.headers and answer.headers.get(UNITS) != "0"
