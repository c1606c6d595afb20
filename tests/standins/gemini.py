"""A stand-in for Gemini's ``generateContent``, as strict as the real one."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.standins.base import Call, Refusal, StandIn, json_response
from tests.standins.gemini_errors import ERRORS, QUOTAS, error, made
from tests.standins.gemini_request import MODELS, Takes, read_request
from tests.standins.lives import GEMINI, Life
from tests.standins.picture import edited, played, spelt
from tests.standins.script import Script, Step

SIGNATURE = 2_000_000  # bytes beside a part; 1 to 2 MB are usual


def gemini_app(script: Script | None = None, **options: Any) -> Gemini:
    return Gemini(script, **options)


class Gemini(StandIn):
    name = "gemini"
    refusals = frozenset({*ERRORS, *QUOTAS})
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
            asked = {"model": model, **read_request(call, self.models[model])}
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
        kind = "png" if asked["model"].startswith("gemini-2.5") else "jpeg"
        extra = asked["images"][1] if len(asked["images"]) > 1 else None
        data = await asyncio.to_thread(
            edited, asked["images"][0], self.name, size=asked["size"], extra=extra, kind=kind
        )
        data = played(data, step)
        text = spelt(base64.b64encode(data).decode(), step.spelling)
        if step.name == "broken_base64":
            text = text[:1000] + "*" + text[1001:]
        if step.name == "snake_case":
            return [{"text": "Here you are."}, {"inline_data": {"mime_type": f"image/{kind}", "data": text}}]
        final = {"inlineData": {"mimeType": f"image/{kind}", "data": text}}
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


def _unknown_model(model: str) -> Response:
    return error(404, f"models/{model} is not found for API version v1beta, or is not supported.")
