"""A stand-in for OpenAI's ``images/edits``, as strict as the real one."""

from __future__ import annotations

import asyncio
import base64
import itertools
import re
import time
from collections.abc import Iterable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.standins.base import Call, Refusal, StandIn, bearer, json_response
from tests.standins.forms import BadForm, read_form
from tests.standins.lives import OPENAI
from tests.standins.picture import decodes, edited, played, spelt
from tests.standins.script import Script, Step
from tests.support.signed_pictures import signed_by_a_provider

FREE = ("gpt-image-2.6-flare", "gpt-image-2.6-sunburst", "gpt-image-2.5-flare", "gpt-image-2.5-sunburst",
        "gpt-image-2", "gpt-image-2.5-flare-2026-09-08", "gpt-image-2.5-sunburst-2026-09-08",
        "gpt-image-2-2026-04-21")  # fmt: skip
FIXED = ("gpt-image-1.5", "gpt-image-1-mini", "chatgpt-image-latest")
MODELS = (*FREE, *FIXED)
FIXED_SIZES = {"1024x1024", "1536x1024", "1024x1536", "auto"}
VALUES = {
    "quality": {"low", "medium", "high", "xhigh", "max", "auto"},
    "complexity": {"low", "medium", "high"},
    "output_format": {"png", "jpeg", "webp"},
    "background": {"transparent", "opaque", "auto"},
    "input_fidelity": {"high", "low"},
    "output_compression": {str(number) for number in range(101)},
}
# kind: (status, message, code, type)
ERRORS: dict[str, tuple[int, str, str | None, str]] = {
    "bad_key": (401, "Incorrect API key provided.", "invalid_api_key", "invalid_request_error"),
    "quota": (429, "Rate limit reached for images per min.", "rate_limit_exceeded", "tokens"),
    "empty_account": (429, "You exceeded your current quota.", "insufficient_quota", "insufficient_quota"),
    "other_address": (
        401,
        "Your IP is not authorized to use this API key.",
        "ip_not_authorized",
        "invalid_request_error",
    ),
    "no_credits": (
        429,
        "You have no credits remaining.",
        "credit_balance_exhausted",
        "insufficient_quota",
    ),
    "spend_limit": (
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        "project_spend_limit_exceeded",
        "insufficient_quota",
    ),
    "usage_limit": (
        429,
        "The organization has reached its usage limit.",
        "organization_usage_limit_exceeded",
        "rate_limit_error",
    ),
    "new_limit": (429, "A limit of next year.", "some_other_limit_exceeded", "insufficient_quota"),
    "restricted": (
        403,
        "You have insufficient permissions for this operation. Missing scopes: api.model.read.",
        None,
        "invalid_request_error",
    ),
    "refused": (
        400,
        "Your request was rejected by the safety system. safety_violations=[violence].",
        "moderation_blocked",
        "image_generation_user_error",
    ),
    "image_policy": (
        400,
        "Your request was rejected as a result of our safety system.",
        "image_content_policy_violation",
        "invalid_request_error",
    ),
    "unverified": (
        403,
        "Your organization must be verified to use the model `gpt-image-2`. Please verify it first.",
        None,
        "invalid_request_error",
    ),
    "location": (
        403,
        "Country, region, or territory not supported",
        "unsupported_country_region_territory",
        "request_forbidden",
    ),
    "no_access": (
        403,
        "Project `proj_abc` does not have access to model `gpt-image-2`",
        "model_not_found",
        "invalid_request_error",
    ),
    "forbidden": (403, "You are not allowed to do that.", None, "invalid_request_error"),
    "hard_limit": (
        400,
        "Billing hard limit has been reached.",
        "billing_hard_limit_reached",
        "billing_limit_user_error",
    ),
    "conflict": (409, "The request was in conflict with another one.", None, "server_error"),
    "timeout": (408, "The request timed out.", None, "server_error"),
    "unavailable": (503, "The server is overloaded.", None, "server_error"),
    "server_error": (500, "The server had an error.", None, "server_error"),
}
MAX_IMAGE = 50 * 1024 * 1024


def openai_app(script: Script | None = None, **options: Any) -> OpenAI:
    return OpenAI(script, **options)


class OpenAI(StandIn):
    name = "openai"
    refusals = frozenset(ERRORS)
    lives = OPENAI

    def __init__(
        self,
        script: Script | None = None,
        *,
        models: Iterable[str] = MODELS,
        keys: Iterable[str] | None = None,
        seconds: float = 0.0,
        new_account: bool = False,
    ) -> None:
        self.models = set(models)
        self._numbers = itertools.count(1)
        super().__init__(script, keys=keys, seconds=seconds, new_account=new_account)

    def build(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/models", self.get_models),
                Route("/v1/models/{model}", self.get_models),
                Route("/v1/images/edits", self.edits, methods=["POST"]),
            ]
        )

    def error(self, kind: str, *, retry_after: float | None = None, text: str = "") -> Response:
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        headers["x-request-id"] = f"req_{next(self._numbers)}"
        status, message, code, type_ = ERRORS.get(kind, (400, text, "invalid_value", "invalid_request_error"))
        return _error(status, message, code, headers, type_)

    async def get_models(self, request: Request) -> Response:
        call = await self.record(request, bearer(request))
        model = request.path_params.get("model")
        if not self.accepts(call.key):
            return self.error("bad_key")
        if played := await self.play_probe(call, request):
            return played
        if model is None:
            listed = [self._described(name) for name in sorted(self.models) if self._serves(name)]
            return json_response(200, {"object": "list", "data": listed})
        return json_response(200, self._described(model)) if self._serves(model) else _unknown_model(model)

    def _serves(self, model: str) -> bool:
        return model in self.models and not self.life.over(model)

    def _described(self, model: str) -> dict[str, Any]:
        ends = self.life.of(model).ends
        return {
            "id": model,
            "object": "model",
            "created": 1763510400,
            "owned_by": "system",
            "shutdown_date": ends and ends.isoformat(),
        }

    async def edits(self, request: Request) -> Response:
        call = await self.record(request, bearer(request))
        if not self.accepts(call.key):
            return self.error("bad_key")
        try:
            self._check(call)
        except Refusal as refusal:
            return refusal.response
        step = await self.begin(call)
        return await self.play(step, call, request) or await self._answer(step, call)

    def _check(self, call: Call) -> None:
        try:
            call.fields, call.files = read_form(call.headers.get("content-type", ""), call.body)
        except BadForm as error:
            raise Refusal(_error(400, str(error), "invalid_body")) from None
        self._check_files(call)
        self._check_fields(call)

    def _check_fields(self, call: Call) -> None:
        fields = dict(call.fields)
        if len(fields) != len(call.fields):
            raise Refusal(_error(400, "Duplicate parameter.", "duplicate_parameter"))
        for name, value in fields.items():
            if name not in {"model", "prompt", "size", *VALUES}:
                raise Refusal(_error(400, f"Unknown parameter: '{name}'.", "unknown_parameter"))
            if name in VALUES and value not in VALUES[name]:
                raise Refusal(_error(400, f"Invalid value for '{name}'.", "invalid_value"))
        if not fields.get("prompt") or not fields.get("model"):
            raise Refusal(_error(400, "Missing required parameter.", "missing_required_parameter"))
        if len(fields["prompt"]) > 32_000:
            raise Refusal(_error(400, "Invalid 'prompt': string too long.", "string_above_max_length"))
        if not self._serves(fields["model"]):
            raise Refusal(_unknown_model(fields["model"]))
        self._check_for_model(fields)
        if fields.get("background") == "transparent" and fields.get("output_format") == "jpeg":
            raise Refusal(_error(400, "Transparent background is not supported for jpeg.", "invalid_value"))
        if fields.get("output_format", "png") == "png" and fields.get("output_compression", "100") != "100":
            raise Refusal(_error(400, "Compression less than 100 is not supported for png.", "invalid_value"))

    def _check_for_model(self, fields: dict[str, str]) -> None:
        model, size = fields["model"], fields.get("size", "auto")
        newest = model.startswith(("gpt-image-2.5", "gpt-image-2.6"))
        allowed = _fits(size) if model in FREE else size in FIXED_SIZES
        if not allowed:
            raise Refusal(_error(400, f"Invalid value for 'size': '{size}'.", "invalid_value"))
        if fields.get("quality") in {"xhigh", "max"} and not newest:
            raise Refusal(_error(400, "Invalid value for 'quality'.", "invalid_value"))
        if "input_fidelity" in fields and model in FREE:
            raise Refusal(_error(400, "This model has no input_fidelity.", "invalid_input_fidelity_model"))
        if fields.get("input_fidelity") == "high" and model == "gpt-image-1-mini":
            raise Refusal(_error(400, "Invalid value for 'input_fidelity'.", "invalid_value"))
        if "complexity" in fields and not model.startswith("gpt-image-2.6"):
            raise Refusal(_error(400, "Unknown parameter: 'complexity'.", "unknown_parameter"))
        if fields.get("background") == "transparent" and not newest and model in FREE:
            raise Refusal(_error(400, "This model makes no transparent background.", "invalid_value"))

    def _check_files(self, call: Call) -> None:
        if not call.files or len(call.files) > 16:
            raise Refusal(_error(400, "Between 1 and 16 images are needed.", "invalid_value"))
        for file in call.files:
            if file.name != "image[]":
                raise Refusal(_error(400, f"Unknown parameter: '{file.name}'.", "unknown_parameter"))
            if file.media_type not in {"image/jpeg", "image/png", "image/webp"} or not decodes(file.data):
                raise Refusal(_error(400, "Invalid image file or mode.", "invalid_image_file"))
            if len(file.data) >= MAX_IMAGE:
                raise Refusal(_error(400, "Image is too large.", "image_too_large"))

    async def _answer(self, step: Step, call: Call) -> Response:
        fields, size = dict(call.fields), None
        if fields.get("size", "auto") != "auto":
            width, height = fields["size"].split("x")
            size = int(width), int(height)
        data = await asyncio.to_thread(
            edited,
            call.files[0].data,
            self.name,
            size=size,
            extra=call.files[1].data if len(call.files) > 1 else None,
            kind=fields.get("output_format", "png"),
        )
        data = await asyncio.to_thread(signed_by_a_provider, data)
        data = played(data, step)
        text = spelt(base64.b64encode(data).decode(), step.spelling)
        if step.name == "broken_base64":
            text = text[:1000] + "*" + text[1001:]
        images = [] if step.name == "no_image" else [{"b64_json": text}]
        headers = {"x-request-id": f"req_{next(self._numbers)}"}
        answer = {
            "created": int(time.time()),
            "data": images,
            "output_format": fields.get("output_format", "png"),
            "quality": fields.get("quality", "auto").replace("auto", "high"),
            "size": fields.get("size", "auto").replace("auto", "1024x1024"),
            "usage": _usage(len(call.files), fields["prompt"]),
        }
        return json_response(200, answer, headers)


def _usage(images: int, prompt: str) -> dict[str, Any]:
    sent, text, made = 388 * images, len(prompt) // 4, 1367
    return {
        "input_tokens": sent + text,
        "input_tokens_details": {"image_tokens": sent, "text_tokens": text},
        "output_tokens": made,
        "output_tokens_details": {"image_tokens": made, "text_tokens": 0},
        "total_tokens": sent + text + made,
    }


def _fits(size: str) -> bool:
    """The rules for any width and height."""
    if size == "auto":
        return True
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", size)
    if not found:
        return False
    shorter, longer = sorted((int(found[1]), int(found[2])))
    return (
        shorter % 16 == longer % 16 == 0
        and longer <= 3 * shorter
        and 655_360 <= shorter * longer <= 8_294_400
        and longer <= 3840
        and shorter <= 2160
    )


def _unknown_model(model: str) -> Response:
    return _error(
        404, f"The model '{model}' does not exist or you do not have access to it.", "model_not_found"
    )


def _error(
    status: int,
    message: str,
    code: str | None,
    headers: dict[str, str] | None = None,
    kind: str = "invalid_request_error",
) -> Response:
    error = {"message": message, "type": kind, "param": None, "code": code}
    return json_response(status, {"error": error}, headers)
