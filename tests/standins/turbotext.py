"""A stand-in for Turbotext's queue, which really fetches the pictures lent to it by address."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from tests.standins.base import Call, Refusal, StandIn, bearer, json_response
from tests.standins.forms import BadForm, read_form
from tests.standins.picture import decodes, edited, played
from tests.standins.script import Script, Step


def _number(low: float, high: float) -> Any:
    def fits(value: str) -> bool:
        try:
            return low <= float(value) <= high
        except ValueError:
            return False

    return fits


# method: (required fields, optional fields with their check); pictures are checked by themselves
METHODS: dict[str, tuple[set[str], dict[str, Any]]] = {
    "generate_image2image": (
        {"content"},
        {
            "strength": _number(0, 80),
            "seed": _number(1, 10**10),
            "scale": _number(0.1, 20),
            "negative_prompt": lambda value: len(value.split()) <= 80,
            "original_language": str.islower,
            "user_id": str.isdecimal,
        },
    ),
    "mix_images": ({"url_image_target"}, {"content": bool}),
    "deepfake_photo": ({"url_image_target"}, {"face_restore": {"True", "False"}.__contains__}),
}


MOST_QUEUES = 200  # that are remembered, with their pictures


@dataclass(slots=True)
class _Queue:
    step: Step
    images: list[bytes] = field(repr=False)
    pending: int = 0
    failing: int = 0
    missing: int = 0


def turbotext_app(script: Script | None = None, **options: Any) -> Turbotext:
    return Turbotext(script, **options)


class Turbotext(StandIn):
    """``upload`` tells whether the account accepts files; ``reconnects`` is the usual number of them."""

    name = "turbotext"

    def __init__(
        self,
        script: Script | None = None,
        *,
        upload: bool = True,
        reconnects: int = 1,
        keys: Iterable[str] | None = None,
        seconds: float = 0.0,
    ) -> None:
        self.upload, self.reconnects = upload, reconnects
        self._numbers = itertools.count(101)
        self._queues: dict[str, _Queue] = {}
        self.redirects: dict[str, str] = {}  # paths under /moved/ and where they lead
        super().__init__(script, keys=keys, seconds=seconds)

    def build(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/api_ai/{method}", self.call, methods=["POST"]),
                Route("/download.php", self.download),
                Route("/moved/{name}", self.moved),
            ]
        )

    def error(self, kind: str, *, retry_after: float | None = None, text: str = "") -> Response:
        match kind:
            case "bad_key":
                return _failed("auth_error", 401)
            case "quota":
                headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
                return json_response(429, {"success": False, "error": "LIMIT"}, headers)
            case "unavailable":
                return HTMLResponse("<html><body>Service Unavailable</body></html>", 503)
            case "server_error":
                return PlainTextResponse("", 500)
            case _:
                return _failed(text or "params_error")

    async def call(self, request: Request) -> Response:
        call = await self.record(request, bearer(request))
        if not self.accepts(call.key):
            return self.error("bad_key")
        try:
            return await self._ask(request.path_params["method"], call, request)
        except BadForm:
            return _failed("params_error")
        except Refusal as refusal:
            return refusal.response

    async def _ask(self, method: str, call: Call, request: Request) -> Response:
        call.fields, call.files = read_form(call.headers.get("content-type", ""), call.body)
        fields = dict(call.fields)
        do = fields.get("do")
        if (
            method not in METHODS
            or len(fields) != len(call.fields)
            or do not in {"create_queue", "get_result"}
        ):
            return _failed("params_error")
        if do == "get_result":
            known = fields.get("queueid", "") in self._queues
            return (None if known else await self.play_probe(call, request)) or self._result(fields)
        return await self._create(call, request, await self._pictures(method, call, fields))

    async def _create(self, call: Call, request: Request, images: list[bytes]) -> Response:
        step = await self.begin(call)
        if played := await self.play(step, call, request):
            return played
        if step.name in {"face_not_detected", "quality_limit", "params_error"}:
            return _failed(step.name)
        queue = _Queue(step, images, self.reconnects)
        if step.name == "reconnect":
            queue.pending = step.times
        if step.name == "poll_fails":
            queue.failing = step.times
        if step.name == "missing_once":
            queue.missing = step.times
        number = str(next(self._numbers))
        self._queues[number] = queue
        for old in list(self._queues)[:-MOST_QUEUES]:
            del self._queues[old]
        return json_response(200, {"success": True, "queueid": int(number)})

    async def _pictures(self, method: str, call: Call, fields: dict[str, str]) -> list[bytes]:
        """The photo, then the template; raises ``Refusal`` if the request breaks the contract."""
        required, optional = METHODS[method]
        given = set(fields) - {"do", "url"}
        if not required <= given or not given <= required | set(optional):
            raise Refusal(_failed("params_error"))
        if any(name in optional and not optional[name](value) for name, value in fields.items()):
            raise Refusal(_failed("params_error"))
        if call.files:
            alone = len(call.files) == 1 and call.files[0].name == "file" and "url" not in fields
            if not alone or not self.upload:
                raise Refusal(_failed("params_error"))
            first = call.files[0].data
        else:
            first = await _fetched(fields.get("url", ""))
        images = [first]
        if "url_image_target" in fields:
            images.append(await _fetched(fields["url_image_target"]))
        if not all(decodes(image) and not image.startswith(b"RIFF") for image in images):
            raise Refusal(_failed("url_error"))
        return images[::-1] if method == "mix_images" else images

    def _result(self, fields: dict[str, str]) -> Response:
        queue = self._queues.get(fields.get("queueid", ""))
        if queue is None or set(fields) != {"do", "queueid"}:
            return _failed("params_error")
        if queue.failing:
            queue.failing -= 1
            return self.error("unavailable")
        if queue.pending:
            queue.pending -= 1
            return json_response(200, {"action": "reconnect"})
        path = f"download.php?f={fields['queueid']}.jpg"
        absolute = f"{self.base_url}/{path}"
        return json_response(200, _done(queue.step, path, absolute))

    async def download(self, request: Request) -> Response:
        await self.record(request, bearer(request))
        queue = self._queues.get(request.query_params.get("f", "").removesuffix(".jpg"))
        if queue is None or queue.missing:
            if queue is not None:
                queue.missing -= 1
            return PlainTextResponse("", 404)
        extra = queue.images[1] if len(queue.images) > 1 else None
        data = await asyncio.to_thread(edited, queue.images[0], self.name, extra=extra)
        data = played(data, queue.step)
        return Response(data, media_type="application/octet-stream")

    async def moved(self, request: Request) -> Response:
        await self.record(request, bearer(request))
        return Response(status_code=302, headers={"Location": self.redirects[request.path_params["name"]]})


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


async def _fetched(address: str) -> bytes:
    try:
        async with httpx.AsyncClient(timeout=5, trust_env=False, verify=_tls()) as client:
            answer = await client.get(address)
    except (httpx.HTTPError, httpx.InvalidURL):
        raise Refusal(_failed("url_error")) from None
    if answer.status_code != 200:
        raise Refusal(_failed("url_error"))
    return answer.content


def _failed(word: str, status: int = 200) -> Response:
    return json_response(status, {"success": False, "error": word})


def _done(step: Step, path: str, absolute: str) -> dict[str, Any]:
    """What is answered when the picture is ready, in every form that was seen or documented."""
    shown = {"image": [absolute], "width": 768, "height": 1024, "forbidden_content": False}
    data: Any = {
        "documented": shown,
        "refused": shown | {"image": [], "forbidden_content": True},  # made and billed, and held back
        "no_image": [],
        "inside_data": {"uploaded_image": absolute},
        "relative": {"image": ["/" + path]},
    }
    if step.name == "refused_at_top":
        return {"success": False, "error": "", "forbidden_content": True}
    if step.name in data:
        return {"success": True, "error": "", "data": data[step.name]}
    address = step.address if step.name == "elsewhere" else absolute
    return {"success": True, "error": "", "data": {}, "uploaded_image": address}
