"""A stand-in for fal's queue: every app checks its input as strictly as its page says."""

from __future__ import annotations

import asyncio
import itertools
import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tests.standins.base import Call, StandIn, json_response
from tests.standins.fal_inputs import APPS, Item, bytes_of, wrong_input
from tests.standins.picture import edited, played
from tests.standins.script import Script, Step

MOST_REQUESTS = 200  # that are remembered, with their pictures


_FAILED_RUNS: dict[str, tuple[int, str, str]] = {
    "refused": (422, "content_policy_violation", "The content was flagged by a content checker."),
    "run_failed": (500, "internal_server_error", "An internal error occurred."),
    "no_media": (422, "no_media_generated", "The model did not generate the expected output."),
    "no_face": (422, "face_detection_error", "Could not detect a face in the image."),
    "passed_on": (400, "downstream_service_error", "Downstream service error"),
}


@dataclass(slots=True)
class QueueEntry:
    """One request in the queue."""

    app: str
    step: Step
    input: Any = field(repr=False)
    pending: int = 0
    failing: int = 0
    errors: list[Item] = field(default_factory=list)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)


def fal_app(script: Script | None = None, **options: Any) -> Fal:
    return Fal(script, **options)


class Fal(StandIn):
    """``waiting`` is how many polls find the request in the queue or at work."""

    name = "fal"

    def __init__(
        self,
        script: Script | None = None,
        *,
        waiting: int = 2,
        keys: Iterable[str] | None = None,
        seconds: float = 0.0,
    ) -> None:
        self.waiting = waiting
        self.places: dict[str, QueueEntry] = {}
        self.cancels_lost = 0  # how many meet a connection that breaks
        self.elsewhere = ""  # a base that the returned addresses name in place of ours
        self._numbers = itertools.count(1)
        super().__init__(script, keys=keys, seconds=seconds)

    def build(self) -> Starlette:
        place = "/{owner}/{alias}/requests/{id}"
        return Starlette(
            routes=[
                Route("/files/{name}", self.download),
                Route(place + "/status", self.status),
                Route(place + "/cancel", self.cancel, methods=["PUT"]),
                Route(place, self.response),
                Route("/{app:path}", self.submit, methods=["POST"]),
            ]
        )

    def error(self, kind: str, *, retry_after: float | None = None, text: str = "") -> Response:
        match kind:
            case "bad_key":
                return _detail(401, "Authentication is required to access this application.")
            case "quota":
                headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
                return _detail(429, "Too many requests: you have reached your concurrency limit.", headers)
            case "unavailable":
                return HTMLResponse("<html><center>nginx</center> 503 Service Unavailable</html>", 503)
            case "server_error":
                return _detail(500, "Internal Server Error", {"x-fal-request-id": str(uuid.uuid4())})
            case _:
                return _detail(400, text or "Bad request")

    async def submit(self, request: Request) -> Response:
        call = await self.record(request, _key(request))
        app, body = request.path_params["app"], _object(call)
        if not self.accepts(call.key):
            return self.error("bad_key")
        if app not in APPS:
            return _detail(404, f"Application '{app}' not found")
        if body is None:
            return _detail(422, "The request body must be a JSON object.")
        if float(call.headers.get("x-fal-request-timeout", "60")) <= 1:
            return _detail(400, "The request timeout must be greater than 1 second.")
        step = await self.begin(call)
        refused = await self.play(step, call, request) or _not_taken(step)
        return refused or self._place(
            QueueEntry(app, step, body, self.waiting, errors=wrong_input(app, body))
        )

    def _place(self, place: QueueEntry) -> Response:
        step = place.step
        if step.name == "poll_fails":
            place.failing = step.times
        if step.name == "never_done":
            place.pending = 1_000_000
        number = str(uuid.UUID(int=next(self._numbers), version=4))
        self.places[number] = place
        for old in list(self.places)[:-MOST_REQUESTS]:
            del self.places[old]
        base = f"{self.elsewhere or self.base_url}/{'/'.join(place.app.split('/')[:2])}/requests/{number}"
        return json_response(
            200,
            {
                "status": "IN_QUEUE",
                "request_id": number,
                "response_url": base,
                "status_url": f"{base}/status",
                "cancel_url": f"{base}/cancel",
                "queue_position": place.pending,
            },
            {"x-fal-request-id": number},
        )

    async def _find(self, request: Request) -> tuple[str, QueueEntry | None, Response | None]:
        call = await self.record(request, _key(request))
        number = request.path_params["id"]
        if not self.accepts(call.key):
            return number, None, self.error("bad_key")
        place = self.places.get(number)
        if place is None:
            return number, None, await self.play_probe(call, request) or _detail(404, "Request not found")
        asked = f"{request.path_params['owner']}/{request.path_params['alias']}"
        known = "/".join(place.app.split("/")[:2]) == asked
        return number, place, None if known else _detail(404, "Request not found")

    async def status(self, request: Request) -> Response:
        number, place, refused = await self._find(request)
        if place is None or refused:
            return refused or _detail(404, "Request not found")
        if place.failing:
            place.failing -= 1
            return self.error("unavailable")
        if place.pending:
            place.pending -= 1
            said: dict[str, Any] = {"request_id": number}
            if place.pending:
                return json_response(202, said | {"status": "IN_QUEUE", "queue_position": place.pending})
            return json_response(202, said | {"status": "IN_PROGRESS", "logs": None})
        done: dict[str, Any] = {"status": "COMPLETED", "request_id": number, "logs": None, "metrics": {}}
        if failed := self._failed(place):
            done |= {"error": failed[2], "error_type": failed[1]}
        return json_response(200, done)

    async def response(self, request: Request) -> Response:
        number, place, refused = await self._find(request)
        if place is None or refused:
            return refused or _detail(404, "Request not found")
        if place.pending:
            return _detail(400, "Request is still in progress")
        reached = {"x-fal-request-id": number}
        if failed := self._failed(place):
            return _run_failed(place, *failed, reached)
        if place.step.name == "result_lost":
            lost, place.step = Step(place.step.reason or "unavailable"), Step()
            if (played := await self.play(lost, self.calls[-1], request)) is not None:
                return played
        kind = place.input.get("output_format", "jpeg")
        picture = {"url": f"{self.base_url}/files/{number}.{kind}", "content_type": f"image/{kind}"}
        if place.step.name == "elsewhere":
            picture["url"] = place.step.address
        return json_response(200, _result_of(place.step.name, picture), reached)

    @staticmethod
    def _failed(place: QueueEntry) -> tuple[int, str, str] | None:
        if place.errors:
            return 422, str(place.errors[0]["type"]), str(place.errors[0]["msg"])
        return _FAILED_RUNS.get(place.step.name)

    async def cancel(self, request: Request) -> Response:
        _, place, refused = await self._find(request)
        if place is None or refused:
            return refused or _detail(404, "Request not found")
        if self.cancels_lost:
            self.cancels_lost -= 1
            self.abort(request)
            return self.error("unavailable")
        if place.pending:
            place.cancelled.set()
        said = (202, "CANCELLATION_REQUESTED") if place.pending else (400, "ALREADY_COMPLETED")
        return json_response(said[0], {"status": said[1]})

    async def download(self, request: Request) -> Response:
        await self.record(request, request.headers.get("authorization", ""))
        number, _, kind = request.path_params["name"].partition(".")
        place = self.places.get(number)
        if place is None:
            return Response("", 404)
        field_name = "image_urls" if "image_urls" in place.input else "image_url"
        sent = place.input[field_name]
        images = [bytes_of(one) for one in (sent if isinstance(sent, list) else [sent])]
        extra = images[1] if len(images) > 1 else None
        data = await asyncio.to_thread(edited, images[0], self.name, extra=extra, kind=kind)
        data = played(data, place.step)
        return Response(data, media_type=f"image/{kind}")


def _run_failed(place: QueueEntry, status: int, kind: str, message: str, headers: dict[str, str]) -> Response:
    items = place.errors or [{"loc": ["body", "prompt"], "msg": message, "type": kind, "input": place.input}]
    name = place.step.name
    may_come = name == "passed_on" or (name == "run_failed" and place.step.times > 1)
    headers = headers | {"x-fal-retryable": str(may_come).lower()}
    if name in {"passed_on", "run_failed"}:
        headers["x-fal-billable-units"] = "0"
    return json_response(status, {"detail": items}, headers)


def _result_of(name: str, picture: dict[str, str]) -> dict[str, Any]:
    """What the app answers with, for a step of that name."""
    usual: dict[str, Any] = {"images": [picture], "seed": 7, "has_nsfw_concepts": [False]}
    others: dict[str, dict[str, Any]] = {
        "no_image": usual | {"images": []},
        "nsfw": usual | {"has_nsfw_concepts": [True]},
        "single": {"image": picture},
        "other_form": {"video": picture},
        "odd_form": {"images": [picture["url"]]},
    }
    return others.get(name, usual)


def _object(call: Call) -> dict[str, Any] | None:
    """The body, if it is what the queue takes."""
    try:
        body = json.loads(call.body)
    except ValueError:
        return None
    is_json = call.headers.get("content-type", "").startswith("application/json")
    return body if is_json and isinstance(body, dict) else None


def _key(request: Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key if scheme == "Key" else ""


def _detail(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return json_response(status, {"detail": text}, headers)


_FORBIDDEN = {
    "empty_account": "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard.",
    "top_up": "User is locked. Reason: TOP_UP.",
    "locked": "User is locked. Reason: Admin lock. Please contact support@fal.ai",
    "forbidden": "Access to this application is restricted.",
}


def _not_taken(step: Step) -> Response | None:
    match step.name:
        case name if name in _FORBIDDEN:
            return _detail(403, _FORBIDDEN[name])
        case "conflict":
            return _detail(409, "Conflict")
        case "app_timeout":
            return _detail(
                504, "Timed out", {"x-fal-request-id": "app", "x-fal-error-type": "request_timeout"}
            )
    return None
