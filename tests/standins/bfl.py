"""A stand-in for Black Forest Labs: every model checks its request as strictly as its page says."""

from __future__ import annotations

import asyncio
import binascii
import itertools
import json
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.standins.base import Call, Refusal, StandIn, json_response
from tests.standins.picture import decodes, edited, played
from tests.standins.script import Script, Step

# model: pictures in one request
FLUX2 = {"flux-2-pro": 8, "flux-2-max": 8, "flux-2-flex": 8, "flux-2-klein-9b": 4, "flux-2-klein-4b": 4}
KONTEXT = {"flux-kontext-pro": 1, "flux-kontext-max": 1}
MODELS = FLUX2 | KONTEXT
RATIOS = {"1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9", "9:21", "21:9"}
CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "prompt": (lambda value: isinstance(value, str), "string_type"),
    "output_format": (lambda value: value in {"jpeg", "png"}, "enum"),
    "safety_tolerance": (lambda value: type(value) is int and 0 <= value <= 5, "less_than_equal"),
    "seed": (lambda value: type(value) is int, "int_type"),
    "aspect_ratio": (lambda value: value in RATIOS, "value_error"),
}
MOST_PIXELS = 4_194_304
_STATES = {
    "refused": "Request Moderated",
    "output_refused": "Content Moderated",
    "run_error": "Error",
    "run_failed": "Failed",
    "run_unavailable": "Error",
    "lost": "Task not found",
}
_DETAILS = {
    "refused": {"Moderation Reasons": ["Derivative Works Filter"]},
    "output_refused": {"Moderation Reasons": ["Derivative Works Filter"]},
    "run_unavailable": {"error": "generation failed"},
}
# What a task at work is called, since FLUX 3 (docs.bfl.ai, 2026-10-08).
AT_WORK = ("Pending", "Reasoning", "Generating")
NOT_TAKEN = {
    "empty_account": (402, "Insufficient credits. Add credits to continue."),
    "forbidden": (403, "Your API key does not have permission for this model."),
}
MOST_TASKS = 200  # that are remembered, with their pictures


@dataclass(slots=True)
class _Task:
    step: Step
    images: list[bytes] = field(repr=False)
    size: tuple[int, int] | None
    kind: str
    pending: int = 0
    failing: int = 0
    unknown: int = 0


def bfl_app(script: Script | None = None, **options: Any) -> Bfl:
    return Bfl(script, **options)


class Bfl(StandIn):
    """``waiting`` is how many polls find the task at work; ``credits`` what is left on the account."""

    name = "bfl"

    def __init__(
        self,
        script: Script | None = None,
        *,
        waiting: int = 1,
        keys: Iterable[str] | None = None,
        seconds: float = 0.0,
    ) -> None:
        self.waiting, self.credits = waiting, 250.0
        self.elsewhere = ""  # a base that the polling addresses name in place of ours
        self._numbers = itertools.count(1)
        self._tasks: dict[str, _Task] = {}
        super().__init__(script, keys=keys, seconds=seconds)

    def build(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/credits", self.left),
                Route("/v1/get_result", self.result),
                Route("/v1/{model}", self.submit, methods=["POST"]),
                Route("/samples/{name}", self.download),
            ]
        )

    def error(self, kind: str, *, retry_after: float | None = None, text: str = "") -> Response:
        match kind:
            case "bad_key":
                return _detail(403, "Not authenticated - Invalid Authentication")
            case "quota":
                headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
                return _detail(429, "Too many requests: over 24 active tasks.", headers)
            case "unavailable":
                return _detail(503, "Service Unavailable")
            case "server_error":
                return _detail(500, "Internal Server Error")
            case _:
                return _detail(400, text or "Bad Request")

    async def left(self, request: Request) -> Response:
        call = await self.record(request, request.headers.get("x-key", ""))
        if not self.accepts(call.key):
            return self.error("bad_key")
        return await self.play_probe(call, request) or json_response(200, {"credits": self.credits})

    async def submit(self, request: Request) -> Response:
        call = await self.record(request, request.headers.get("x-key", ""))
        model = request.path_params["model"]
        if not self.accepts(call.key):
            return self.error("bad_key")
        try:
            task = _read(model, call)
        except Refusal as refusal:
            return refusal.response
        step = await self.begin(call)
        if (played := await self.play(step, call, request)) is not None:
            return played
        if step.name in NOT_TAKEN:
            return _detail(*NOT_TAKEN[step.name])
        return self._taken(task, step)

    def _taken(self, task: _Task, step: Step) -> Response:
        task.step, task.pending = step, self.waiting
        task.failing = step.times if step.name == "poll_fails" else 0
        task.unknown = step.times if step.name == "unknown_first" else 0
        number = str(uuid.UUID(int=next(self._numbers), version=4))
        self._tasks[number] = task
        for old in list(self._tasks)[:-MOST_TASKS]:
            del self._tasks[old]
        base = step.address if step.name == "polled_at" else self.elsewhere or self.base_url
        polling = f"{base}/v1/get_result?id={number}"
        return json_response(200, {"id": number, "polling_url": polling, "cost": 4.5})

    async def result(self, request: Request) -> Response:
        call = await self.record(request, request.headers.get("x-key", ""))
        number = request.query_params.get("id", "")
        task = self._tasks.get(number)
        if not self.accepts(call.key):
            return self.error("bad_key")
        if task is None or task.unknown:
            if task is not None:
                task.unknown -= 1
            return json_response(404, {"id": number, "status": "Task not found", "result": None})
        if task.failing:
            task.failing -= 1
            return self.error("unavailable")
        if task.pending:
            task.pending -= 1
            if task.step.name == "unknown_between" and not task.pending:
                task.unknown = task.step.times
            word = AT_WORK[task.pending % len(AT_WORK)] if task.step.name == "reasoning" else AT_WORK[0]
            return json_response(200, {"id": number, "status": word, "result": None, "progress": 0.5})
        sample = f"{self.base_url}/samples/{number}.{task.kind}"
        if task.step.name == "elsewhere":
            sample = task.step.address
        state = _STATES.get(task.step.name, "Ready")
        result = {"sample": sample, "prompt": "…", "seed": 7} if state == "Ready" else None
        if task.step.name == "no_image":
            result = {"sample": None}
        status = 503 if task.step.name == "run_unavailable" else 200
        said = {"id": number, "status": state, "result": result, "details": _DETAILS.get(task.step.name)}
        return json_response(status, said)

    async def download(self, request: Request) -> Response:
        await self.record(request, request.headers.get("x-key", ""))
        task = self._tasks.get(request.path_params["name"].partition(".")[0])
        if task is None:
            return Response("", 404)
        extra = task.images[1] if len(task.images) > 1 else None
        data = await asyncio.to_thread(
            edited, task.images[0], self.name, size=task.size, extra=extra, kind=task.kind
        )
        data = played(data, task.step)
        return Response(data, media_type=f"image/{task.kind}")


def _read(model: str, call: Call) -> _Task:
    """The request as a task; raises ``Refusal`` if it breaks the contract."""
    if model not in MODELS:
        raise Refusal(_detail(404, "Not Found"))
    if not call.headers.get("content-type", "").startswith("application/json"):
        raise _wrong("body", "Input should be a valid dictionary", "model_attributes_type")
    try:
        body = json.loads(call.body)
    except ValueError:
        raise _wrong("body", "JSON decode error", "json_invalid") from None
    pictures = ["input_image", *(f"input_image_{number}" for number in range(2, MODELS[model] + 1))]
    fields = {"prompt", "seed", "safety_tolerance", "output_format", *pictures}
    fields |= {"width", "height"} if model in FLUX2 else {"aspect_ratio"}
    for name in body:
        if name not in fields:
            raise _wrong(name, "Extra inputs are not permitted", "extra_forbidden")
    for name in ("prompt", "input_image"):
        if not body.get(name):
            raise _wrong(name, "Field required", "missing")
    for name, (fits, kind) in CHECKS.items():
        if name in body and not fits(body[name]):
            raise _wrong(name, "Input is not valid", kind)
    images = [_picture(name, body[name]) for name in pictures if name in body]
    return _Task(Step(), images, _size(body), body.get("output_format", "jpeg"))


def _size(body: dict[str, Any]) -> tuple[int, int] | None:
    if "width" not in body and "height" not in body:
        return None
    width, height = body.get("width"), body.get("height")
    if type(width) is not int or type(height) is not int or width % 16 or height % 16:
        raise _wrong("width", "Input should be a multiple of 16", "multiple_of")
    if min(width, height) < 64 or width * height > MOST_PIXELS:
        raise _wrong("width", "The picture may have 4 megapixels at most", "value_error")
    return width, height


def _picture(name: str, text: Any) -> bytes:
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except (TypeError, ValueError):
        raise _wrong(name, "Input should be base64", "value_error") from None
    if not decodes(data):
        raise _wrong(name, "Input should be a picture", "value_error")
    return data


def _wrong(name: str, message: str, kind: str) -> Refusal:
    return Refusal(json_response(422, {"detail": [{"loc": ["body", name], "msg": message, "type": kind}]}))


def _detail(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return json_response(status, {"detail": text}, headers)
