"""What the stand-ins share: keys, the record of calls, and the plays that are not a provider's own."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar

from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse

from tests.standins.lives import Life, Lives
from tests.standins.script import REDIRECT_TARGET, Script, Step

PAGE = "<!doctype html><html><head><title>Sign in</title></head><body>Welcome to the venue</body></html>"
HUGE = 40_000_000  # bytes
CANNED: dict[str, Callable[[], Response]] = {
    "html_page": lambda: HTMLResponse(PAGE),
    "bad_gateway": lambda: HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", 502),
    "truncated_json": lambda: Response('{"data": [{"content": {"par', media_type="application/json"),
    "wrong_type": lambda: Response('{"data": []}', media_type="text/plain"),
    "redirect": lambda: RedirectResponse(REDIRECT_TARGET),
}


@dataclass(slots=True)
class Call:
    """One request as it arrived. ``fields`` and ``files`` are those of a form."""

    method: str
    path: str
    headers: Mapping[str, str]
    key: str
    body: bytes = field(repr=False)
    step: str = ""
    fields: list[tuple[str, str]] = field(default_factory=list)
    files: list[Any] = field(default_factory=list)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def field(self, name: str) -> str | None:
        return dict(self.fields).get(name)


class Refusal(Exception):
    """The request breaks the contract; ``response`` is what the provider would answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


class StandIn(ABC):
    """One provider's API. ``keys`` are those it accepts; ``None`` accepts any that is not empty."""

    name: str
    refusals: frozenset[str] = frozenset()  # kinds of ``error`` that are the provider's own
    lives: ClassVar[dict[str, Life]] = {}

    def __init__(
        self,
        script: Script | None = None,
        *,
        keys: Iterable[str] | None = None,
        seconds: float = 0.0,
        new_account: bool = False,
    ) -> None:
        self.life = Lives(self.lives, new_account=new_account)
        self.script = script or Script()
        self.keys = set(keys) if keys is not None else None
        self.revoked: set[str] = set()
        self.probes = Step()  # how calls that ask for no picture go
        self.seconds = seconds  # before every picture
        self.calls: list[Call] = []
        self.keep_calls: int | None = None  # a demo that runs for hours keeps the newest only
        self.base_url = ""
        self.closing = asyncio.Event()
        self.abort: Callable[[Request], None] = lambda _: None
        self.app = self.build()

    @abstractmethod
    def build(self) -> Starlette: ...

    @abstractmethod
    def error(self, kind: str, *, retry_after: float | None = None, text: str = "") -> Response:
        """The provider's own form of ``unavailable``, ``server_error``, ``quota``, ``bad_key``, …"""

    def retire(self, model: str) -> None:
        """End a model in mid-event: from now on it is unknown, and in no list."""
        self.life.retire(model)

    def announce(self, model: str, ends: date | None) -> None:
        """Name the date at which a model will end (``None``: none any more)."""
        self.life.announce(model, ends)

    def pictures_asked(self) -> int:
        """How many calls asked for a picture (polls, probes and downloads are not counted)."""
        return sum(1 for call in self.calls if call.step)

    async def record(self, request: Request, key: str) -> Call:
        call = Call(request.method, request.url.path, dict(request.headers), key, await request.body())
        self.calls.append(call)
        if self.keep_calls is not None:
            del self.calls[: -self.keep_calls]
        return call

    def accepts(self, key: str) -> bool:
        return bool(key) and key not in self.revoked and (self.keys is None or key in self.keys)

    async def begin(self, call: Call) -> Step:
        """The step of this picture, after the time that it takes."""
        step = self.script.next(call.key)
        call.step = step.name
        await self.pause(self.seconds + (step.seconds if step.name == "slow" else 0.0))
        return step

    async def play_probe(self, call: Call, request: Request) -> Response | None:
        """The answer to a call that asks for no picture, where the test wants another than usual."""
        await self.pause(self.probes.seconds)
        return await self.play(self.probes, call, request)

    async def pause(self, seconds: float) -> None:
        if seconds:
            try:
                await asyncio.wait_for(self.closing.wait(), seconds)
            except TimeoutError:
                return

    async def play(self, step: Step, call: Call, request: Request) -> Response | None:
        """The answer of a step that every provider has; ``None`` if it is a provider's own."""
        match step.name:
            case "silent":
                await self.closing.wait()
            case "reset":
                self.abort(request)
            case "stall" | "cut_off" | "endless":
                return StreamingResponse(self._dribble(step.name, request), media_type="application/json")
            case "key_revoked":
                self.revoked.add(call.key)
        answer = self._canned(step, call)
        if answer is not None:
            answer.headers.update(dict(step.headers))
        return answer

    def _canned(self, step: Step, call: Call) -> Response | None:
        if step.name in CANNED:
            return CANNED[step.name]()
        if step.name == "bad_request":
            echo = f"cannot use key {call.key} with this: {call.body[-4000:].decode(errors='replace')}"
            return self.error("bad_request", text=echo)
        kind = {"silent": "unavailable", "reset": "unavailable", "key_revoked": "bad_key"}.get(
            step.name, step.name
        )
        if kind in {"unavailable", "server_error", "quota", "bad_key", *self.refusals}:
            return self.error(kind, retry_after=step.retry_after)
        return None

    async def _dribble(self, kind: str, request: Request) -> AsyncIterator[bytes]:
        yield b'{"data": ['
        if kind == "stall":
            await self.closing.wait()
        elif kind == "cut_off":
            self.abort(request)
        else:
            while not self.closing.is_set():
                yield b" " * 65536
                await asyncio.sleep(0)


def with_errors(standin: StandIn, form: Callable[[Any], Any]) -> StandIn:
    """``standin``, which writes the JSON of its errors as ``form`` makes it."""

    async def answer(request: Request, ask: Callable[[Request], Awaitable[Any]]) -> Response:
        given = await ask(request)
        if given.status_code < 400:
            return given
        said = json.loads(b"".join([piece async for piece in given.body_iterator]))
        return json_response(given.status_code, form(said))

    standin.app.add_middleware(BaseHTTPMiddleware, dispatch=answer)
    return standin


def bearer(request: Request) -> str:
    """The key of an ``Authorization: Bearer`` header; empty if it is missing or of another form."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key if scheme == "Bearer" else ""


def json_response(status: int, body: Any, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(body, status, headers=dict(headers or {}))
