"""A stand-in for Gemini's ``generateContent``, as strict as the real one."""

from __future__ import annotations

import asyncio
import base64
import binascii
import itertools
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.standins.base import HUGE, Call, Refusal, StandIn, json_response
from tests.standins.gemini_errors import ERRORS, error, made
from tests.standins.lives import GEMINI, Life
from tests.standins.picture import decodes, edited, spelt
from tests.standins.script import Script, Step

# Pixels of imageSize 1K; 2K and 4K double and quadruple them.
SIZES = {
    "1:1": (1024, 1024), "2:3": (848, 1264), "3:2": (1264, 848), "3:4": (896, 1200), "4:3": (1200, 896),
    "4:5": (928, 1152), "5:4": (1152, 928), "9:16": (768, 1376), "16:9": (1376, 768), "21:9": (1584, 672),
}  # fmt: skip
WIDE = {"1:4": (512, 2048), "4:1": (2048, 512), "1:8": (352, 2816), "8:1": (2816, 352)}
SCALE = {"512": 0.5, "1K": 1, "2K": 2, "4K": 4}


@dataclass(frozen=True)
class Takes:
    """What one model takes; no sizes: it does not know imageSize."""

    sizes: tuple[str, ...] = ("1K", "2K", "4K")
    thinking: tuple[str, ...] = ()
    wide: bool = False
    images: int = 14


MODELS = {
    "gemini-nano-banana-2.1": Takes(thinking=("MINIMAL", "MEDIUM", "HIGH"), wide=True),
    "gemini-3-pro-image": Takes(),
    "gemini-3.1-flash-lite-image": Takes(sizes=("1K",), thinking=("MINIMAL", "HIGH")),
    "gemini-3.1-flash-image": Takes(sizes=("512", "1K", "2K", "4K"), thinking=("MINIMAL", "HIGH"), wide=True),
    "gemini-2.5-flash-image": Takes(sizes=(), images=3),
}
MAX_REQUEST = 100_000_000
SIGNATURE = 2_000_000  # bytes beside a part; 1 to 2 MB are usual
CATEGORIES = {"HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT", "CIVIC_INTEGRITY"}
THRESHOLDS = {"OFF", "BLOCK_NONE", "BLOCK_ONLY_HIGH", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_LOW_AND_ABOVE"}
_STANDARD = str.maketrans("-_", "+/")


def gemini_app(script: Script | None = None, **options: Any) -> Gemini:
    return Gemini(script, **options)


class Gemini(StandIn):
    name = "gemini"
    refusals = frozenset(ERRORS)
    lives = GEMINI

    def __init__(
        self,
        script: Script | None = None,
        *,
        models: Mapping[str, Takes] = MODELS,
        keys: Iterable[str] | None = None,
        seconds: float = 0.0,
        new_account: bool = False,
    ) -> None:
        self.models = models
        self._numbers = itertools.count(1)
        super().__init__(script, keys=keys, seconds=seconds, new_account=new_account)

    def build(self) -> Starlette:
        return Starlette(
            routes=[
                route
                for version in ("v1", "v1beta")
                for route in (
                    Route(f"/{version}/models", self.list_models),
                    Route(f"/{version}/models/{{model}}:generateContent", self.generate, methods=["POST"]),
                    Route(f"/{version}/models/{{model}}", self.get_model),
                )
            ]
        )

    def error(self, kind: str, *, retry_after: float | None = None, text: str = "") -> Response:
        return made(kind, retry_after=retry_after, text=text)

    async def list_models(self, request: Request) -> Response:
        call = await self.record(request, request.headers.get("x-goog-api-key", ""))
        if refused := self._auth(call) or await self.play_probe(call, request):
            return refused
        size = request.query_params.get("pageSize", "50")
        if not size.isdecimal():
            return error(400, "Invalid value at 'page_size' (TYPE_INT32).")
        names = [name for name in self.models if self._serves(name)]
        listed: dict[str, Any] = {"models": [_described(name) for name in names[: int(size) or 50]]}
        if len(names) > len(listed["models"]):
            listed["nextPageToken"] = "Ch9tb2RlbHM"
        return json_response(200, listed)

    async def get_model(self, request: Request) -> Response:
        call = await self.record(request, request.headers.get("x-goog-api-key", ""))
        model = request.path_params["model"]
        if refused := self._auth(call) or await self.play_probe(call, request):
            return refused
        return json_response(200, _described(model)) if self._serves(model) else _unknown_model(model)

    async def generate(self, request: Request) -> Response:
        call = await self.record(request, request.headers.get("x-goog-api-key", ""))
        model = request.path_params["model"]
        if refused := self._auth(call):
            return refused
        if not self._serves(model):
            return _unknown_model(model)
        try:
            asked = read_request(call, self.models[model])
        except Refusal as refusal:
            return refusal.response
        step = await self.begin(call)
        played = await self.play(step, call, request)
        return played or json_response(200, await self._answer(step, model, asked))

    def _serves(self, model: str) -> bool:
        return model in self.models and not self.life.over(model)

    def _auth(self, call: Call) -> Response | None:
        if not call.key:
            return error(403, "Method doesn't allow unregistered callers. Please use API Key.")
        return None if self.accepts(call.key) else self.error("bad_key")

    async def _answer(self, step: Step, model: str, asked: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "modelVersion": model,
            "modelStatus": _status(self.life.of(model)),
            "responseId": f"standin-{next(self._numbers)}",
            "usageMetadata": _usage(asked, []),
        }
        reason, parts = "STOP", []
        match step.name:
            case "no_image":
                reason = "NO_IMAGE"
            case "refused":
                reason = "IMAGE_SAFETY"
            case "finish":
                reason = step.reason
            case "refused_late":
                reason, parts = "IMAGE_PROHIBITED_CONTENT", await self._parts(step, asked)
            case "text_only":
                parts = [{"text": "I would rather describe the picture: " + asked["prompt"]}]
            case "no_candidates":
                return answer
            case "prompt_blocked":
                return answer | {"promptFeedback": {"blockReason": step.reason or "PROHIBITED_CONTENT"}}
            case _:
                parts = await self._parts(step, asked)
        candidate: dict[str, Any] = {"finishReason": reason, "index": 0}
        if parts:
            candidate["content"] = {"role": "model", "parts": parts}
        if reason == "IMAGE_SAFETY":
            candidate["finishMessage"] = f"Unable to show the generated image for: {asked['prompt']}"
        return answer | {"candidates": [candidate], "usageMetadata": _usage(asked, parts)}

    async def _parts(self, step: Step, asked: dict[str, Any]) -> list[dict[str, Any]]:
        extra = asked["images"][1] if len(asked["images"]) > 1 else None
        data = await asyncio.to_thread(edited, asked["images"][0], self.name, size=asked["size"], extra=extra)
        if step.name == "huge":
            data += bytes(HUGE - len(data))
        if step.name == "broken_picture":
            data = data[: len(data) // 2]
        text = spelt(base64.b64encode(data).decode(), step.spelling)
        if step.name == "broken_base64":
            text = text[:1000] + "*" + text[1001:]
        if step.name == "snake_case":
            return [{"text": "Here you are."}, {"inline_data": {"mime_type": "image/jpeg", "data": text}}]
        final = {"inlineData": {"mimeType": "image/jpeg", "data": text}}
        if step.name in {"thought_first", "drafts", "refused_late", "signatures"}:
            draft = await asyncio.to_thread(edited, asked["images"][0], "draft", size=(256, 256))
            blob = {"inlineData": {"mimeType": "image/jpeg", "data": base64.b64encode(draft).decode()}}
            return _with_drafts(step.name, blob, final)
        return [final]


def _with_drafts(play: str, draft: dict[str, Any], final: dict[str, Any]) -> list[dict[str, Any]]:
    """The parts of a model that thinks in pictures before it is done."""
    match play:
        case "thought_first":
            return [{"text": "A plan", "thought": True}, {"thought": True, **draft}, final]
        case "refused_late":
            return [draft, draft]
        case "signatures":
            signature = base64.b64encode(os.urandom(SIGNATURE)).decode()
            thought = {"text": "A plan", "thought": True, "thoughtSignature": signature}
            signed = [part | {"thoughtSignature": signature} for part in (draft, draft, final)]
            return [thought, *signed, {"text": "Here you are.", "thoughtSignature": signature}]
        case _:
            return [draft, {"text": "Better:"}, draft, final]


def _status(life: Life) -> dict[str, Any]:
    """The machine-readable end date that comes with every answer."""
    status: dict[str, Any] = {"modelStage": life.stage}
    if life.ends is not None:
        status["retirementTime"] = f"{life.ends.isoformat()}T00:00:00Z"
        status["message"] = f"This model will be retired on {life.ends:%B %d, %Y}."
    return status


def _usage(asked: dict[str, Any], parts: list[dict[str, Any]]) -> dict[str, Any]:
    """What is billed: also for an answer without a picture, which was thought about."""
    pictures = sum(1 for part in parts if "inlineData" in part or "inline_data" in part)
    counts = {"IMAGE": 1120 * pictures, "TEXT": 40 * any("text" in part for part in parts)}
    prompt, thoughts = 258 * len(asked["images"]) + len(asked["prompt"]) // 4, 128
    return {
        "promptTokenCount": prompt,
        "candidatesTokenCount": sum(counts.values()),
        "thoughtsTokenCount": thoughts,
        "totalTokenCount": prompt + sum(counts.values()) + thoughts,
        "candidatesTokensDetails": [
            {"modality": kind, "tokenCount": count} for kind, count in counts.items() if count
        ],
    }


def _described(model: str) -> dict[str, Any]:
    return {
        "name": f"models/{model}",
        "version": "001",
        "displayName": model.replace("-", " ").title(),
        "inputTokenLimit": 32768,
        "outputTokenLimit": 32768,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }


def read_request(call: Call, takes: Takes) -> dict[str, Any]:
    """The images, prompt and wanted size of a request; raises ``Refusal`` if it breaks the contract."""
    if len(call.body) > MAX_REQUEST:
        raise _invalid(f"Request payload size exceeds the limit: {MAX_REQUEST} bytes.")
    if not call.headers.get("content-type", "").startswith("application/json"):
        raise _invalid("Content-Type must be application/json.")
    try:
        body = _camel(json.loads(call.body))
    except ValueError:
        raise _invalid("Invalid JSON payload received. Unexpected end of string.") from None
    _known(body, "", "contents", "generationConfig", "safetySettings", "serviceTier")
    contents = body.get("contents")
    if not isinstance(contents, list) or len(contents) != 1:
        raise _invalid("* GenerateContentRequest.contents: contents is not specified")
    _known(contents[0], "contents[0]", "role", "parts")
    if contents[0].get("role", "user") != "user":
        raise _invalid("Please use a valid role: user, model.")
    images, prompt = _read_parts(contents[0].get("parts"))
    if len(images) > takes.images:
        raise _invalid(f"This model accepts at most {takes.images} images.")
    if body.get("serviceTier", "standard") not in {"standard", "flex", "priority"}:
        raise _invalid("Invalid value at 'service_tier'")
    for setting in body.get("safetySettings", []):
        _known(setting, "safety_settings[0]", "category", "threshold")
        category, threshold = setting.get("category", ""), setting.get("threshold")
        if category.removeprefix("HARM_CATEGORY_") not in CATEGORIES or threshold not in THRESHOLDS:
            raise _invalid("Invalid value at 'safety_settings[0]'")
    return {"images": images, "prompt": prompt, "size": _read_size(body.get("generationConfig", {}), takes)}


def _camel(value: Any) -> Any:
    """The real server takes either spelling of a field's name, and Google's own client mixes them."""
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        re.sub(r"_([a-z])", lambda hit: hit[1].upper(), name): _camel(item) for name, item in value.items()
    }


def _read_parts(parts: Any) -> tuple[list[bytes], str]:
    if not isinstance(parts, list) or not parts:
        raise _invalid("* GenerateContentRequest.contents[0].parts: contents.parts must not be empty.")
    *pictures, last = parts
    images = []
    for number, part in enumerate(pictures):
        where = f"contents[0].parts[{number}]"
        _known(part, where, "inlineData")
        blob = part.get("inlineData")
        _known(blob, where + ".inline_data", "mimeType", "data")
        try:
            # Both alphabets are accepted; Google's own client uses the one for addresses.
            data = binascii.a2b_base64(blob["data"].translate(_STANDARD), strict_mode=True)
        except (KeyError, AttributeError, ValueError):
            raise _invalid(f"Invalid value at '{where}.inline_data.data' (TYPE_BYTES)") from None
        if blob.get("mimeType") not in {"image/jpeg", "image/png", "image/webp"} or not decodes(data):
            raise _invalid("Unable to process input image. Please retry or report.")
        images.append(data)
    _known(last, f"contents[0].parts[{len(images)}]", "text")
    if not images or not isinstance(last.get("text"), str) or not last["text"]:
        raise _invalid("The photo must come first and the prompt last.")
    return images, last["text"]


def _read_size(config: Any, takes: Takes) -> tuple[int, int] | None:
    _known(config, "generation_config", "responseModalities", "imageConfig", "thinkingConfig")
    if not set(config.get("responseModalities", [])) <= {"IMAGE", "TEXT"}:
        raise _invalid("Invalid value at 'generation_config.response_modalities'")
    thinking = config.get("thinkingConfig", {})
    _known(thinking, "generation_config.thinking_config", "thinkingLevel")
    if "thinkingLevel" in thinking and thinking["thinkingLevel"] not in takes.thinking:
        raise _invalid("Thinking level is not supported for this model.")
    image = config.get("imageConfig", {})
    _known(image, "generation_config.image_config", "aspectRatio", "imageSize")
    if "imageSize" in image and image["imageSize"] not in takes.sizes:
        raise _invalid(f"image_size must be one of {', '.join(takes.sizes) or 'none'}.")
    ratio, scale = image.get("aspectRatio"), SCALE[image.get("imageSize", "1K")]
    if ratio is None:
        return None
    ratios = SIZES | WIDE if takes.wide else SIZES
    if ratio not in ratios:
        raise _invalid(f"aspect_ratio must be one of {', '.join(ratios)}.")
    width, height = ratios[ratio]
    return int(width * scale), int(height * scale)


def _known(value: Any, where: str, *names: str) -> None:
    if not isinstance(value, dict):
        raise _invalid(f"Invalid value at '{where}': not a message.")
    for name in value:
        if name not in names:
            raise _invalid(
                f"Invalid JSON payload received. Unknown name \"{name}\" at '{where}': Cannot find field."
            )


def _invalid(message: str) -> Refusal:
    return Refusal(error(400, message))


def _unknown_model(model: str) -> Response:
    return error(404, f"models/{model} is not found for API version v1beta, or is not supported.")
