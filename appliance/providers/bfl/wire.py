"""What Black Forest Labs is sent, and what its answers mean."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import floor, sqrt
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator

from appliance.providers.base import (
    EncodedImage,
    ProviderBadKey,
    ProviderError,
    ProviderNoImage,
    ProviderNoModel,
    ProviderNotServed,
    ProviderRefused,
    ProviderSpent,
    ProviderUnreachable,
)
from appliance.providers.bfl.settings import ImageEditParams
from appliance.providers.catalogue import Capabilities, FreeSize
from appliance.providers.error_parts import InputErrors, Text, objects
from appliance.providers.http import Answer, status_error
from appliance.providers.json_body import Base64
from appliance.providers.scrub import scrub, word
from appliance.providers.shapes import nearest_ratio
from appliance.providers.usage import Money, Usage

NO_CREDITS = "no_credits"
READY = "Ready"
NOT_FOUND = "Task not found"  # also for a moment after a task was taken
_MODERATED = frozenset({"Request Moderated", "Content Moderated"})
_FAILED = frozenset({"Error", "Failed"})
_FIRST_FIELD = "input_image"


def request_body(
    params: ImageEditParams, has: Capabilities, images: Sequence[EncodedImage], width: int, height: int
) -> dict[str, Any]:
    """The request for a photo of ``width`` x ``height`` pixels; pictures are base64 without a prefix."""
    body: dict[str, Any] = {
        "prompt": params.prompt,
        "output_format": params.output_format,
        "safety_tolerance": params.safety_tolerance,
        **_shape(params, has, width, height),
    }
    for number, image in enumerate(images, start=1):
        field = _FIRST_FIELD if number == 1 else f"{_FIRST_FIELD}_{number}"
        body[field] = Base64(image.content)
    if params.seed is not None:
        body["seed"] = params.seed
    return body


def _shape(params: ImageEditParams, has: Capabilities, width: int, height: int) -> dict[str, Any]:
    """The fields for the picture's shape: any size for FLUX.2, one of some ratios for Kontext."""
    ratio = params.aspect_ratio
    if ratio == "auto":
        return {}
    if has.free_size is not None:
        across, down = (width, height) if ratio == "photo" else map(int, ratio.split(":"))
        wide, high = free_size(across, down, int(params.megapixels), has.free_size)
        return {"width": wide, "height": high}
    if ratio == "photo":
        ratio = nearest_ratio(width, height, has.ratios) or ratio
    return {"aspect_ratio": ratio} if ratio in has.ratios else {}


def free_size(across: int, down: int, megapixels: int, rules: FreeSize) -> tuple[int, int]:
    """The largest size of the shape ``across`` : ``down`` that is no more than ``megapixels`` and allowed."""
    shape = min(max(across / down, 1 / rules.longest_ratio), rules.longest_ratio)
    pixels = min(megapixels * 1_000_000, rules.most_pixels)
    high = sqrt(pixels / shape)
    wide = high * shape
    longer, shorter = max(wide, high), min(wide, high)
    scale = min(1.0, rules.longest_side / longer, rules.shorter_side / shorter)
    return _down_to(wide * scale, rules.multiple), _down_to(high * scale, rules.multiple)


def _down_to(pixels: float, multiple: int) -> int:
    return max(multiple, floor(pixels / multiple) * multiple)


class Task(BaseModel):
    """A task that was taken; ``cost`` is in credits of one US cent."""

    id: str
    polling_url: str
    cost: float | None = None

    def usage(self) -> Usage:
        """What a picture that came of it is billed."""
        return Usage(cost=Money(Decimal(str(self.cost)) / 100) if self.cost and self.cost > 0 else None)


class _Sample(BaseModel):
    sample: Text = ""


class TaskState(BaseModel):
    """How far a task is."""

    status: str
    result: Annotated[list[_Sample], BeforeValidator(objects)] = []
    details: Any = None

    @property
    def not_found(self) -> bool:
        """Whether the server that was asked does not know the task, or not yet."""
        return self.status == NOT_FOUND

    def address(self, task_id: str, secrets: Sequence[str | None] = ()) -> str | None:
        """Where the picture is; ``None`` while it is being made. Raises what else the state means.

        Any word that is none of the last ones counts as being made: since FLUX 3 there are ``Reasoning`` and
        ``Generating`` beside ``Pending``, and a task that is given up is paid for and ordered again.
        """
        facts: dict[str, Any] = {"http_status": 200, "response_id": task_id}
        reason, detail = word(self.status), scrub(_text(self.details), secrets)
        if self.status in _MODERATED:
            raise ProviderRefused(reason, detail, **facts)
        if self.status in _FAILED:
            raise ProviderUnreachable(reason, detail or "the task failed", **facts)
        if self.status != READY:
            return None
        if not self.result or not self.result[0].sample:
            raise ProviderNoImage("no_image", **facts)
        return self.result[0].sample


def _text(details: Any) -> str:
    """What stands in ``details``, such as ``{"Moderation Reasons": ["Derivative Works Filter"]}``."""
    if isinstance(details, dict):
        return "; ".join(f"{name}: {_text(value)}" for name, value in details.items())
    if isinstance(details, list):
        return ", ".join(map(_text, details))
    return "" if details is None else str(details)


class Credits(BaseModel):
    """What is left on the account."""

    credits: float


def failure(
    answer: Answer, said: InputErrors | None, secrets: Sequence[str | None], task_id: str | None = None
) -> ProviderError:
    """The error that an HTTP status of 400 and above stands for; ``said`` is its body, if it was JSON."""
    if said is None:
        return status_error(answer, response_id=task_id)
    status, detail = answer.status, scrub(said.text, secrets)
    facts: dict[str, Any] = {"http_status": status, "response_id": task_id}
    if status == 402:
        return ProviderSpent(NO_CREDITS, detail, **facts)
    if status == 401 or (status == 403 and "authenticat" in said.text.lower()):
        return ProviderBadKey("not_authenticated", detail, **facts)
    if status == 403:
        return ProviderNotServed("forbidden", detail, **facts)
    if status == 404:
        return ProviderNoModel("model_not_found", detail, **facts)
    return status_error(answer, said.type or f"http_{status}", detail, response_id=task_id)
