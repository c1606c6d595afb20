"""Around every request: an id, security headers, one log line, an honest end.

Plain ASGI, so that bodies stream.
"""

from __future__ import annotations

import re
import time
import uuid

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as AsgiMessage

from appliance.core.error_handlers import error_response
from appliance.core.errors import (
    ApplianceError,
    InternalError,
    InvalidRequest,
    NotFound,
    PayloadTooLarge,
    UnsupportedMediaType,
)
from appliance.core.language import Message
from appliance.core.metrics import answers_counted
from appliance.core.texts import MAX_QUERY_VALUES

log = structlog.get_logger()

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
_PLAIN = frozenset({"", "identity"})
LARGEST_BODY = 256 * 1024  # bytes, where no file goes: no form or JSON of ours comes near it
# Of every answer that says nothing else.
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    # A guest who shows their link in public shows it to search engines, too.
    "X-Robots-Tag": "noindex, nofollow",
}


class RequestContext:
    """Gives each request the id that Nginx named (or a new one), writes its outcome, and finishes it.

    Stands outside everything, so that a failure nobody expected is answered too. Uvicorn closes the
    connection without a word under an application that raises, and Nginx may have handed it to
    somebody else by then: what was answered whole is therefore not raised again.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.monotonic()
        scope.setdefault("state", {})["arrived"] = started
        named = Headers(scope=scope).get("x-request-id", "")
        request_id = named if _REQUEST_ID.fullmatch(named) else uuid.uuid4().hex
        answer = _Answer(send, request_id, head_only=scope["method"] == "HEAD")
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await _finished(self.app, scope, receive, answer)
            finally:
                answers_counted(scope["path"], answer.status).inc()
                if scope["path"] not in _QUIET:
                    log.info(
                        "request",
                        method=scope["method"],
                        path=scope["path"],
                        status=answer.status,
                        ms=round((time.monotonic() - started) * 1000),
                    )


class _Answer:
    """What is sent, and how far it has got.

    An answer to HEAD ends with its head. Nginx takes the connection for free then and sends somebody else's
    request on it, which would wait for as long as a stream goes on; one that is over is no longer made.
    """

    def __init__(self, send: Send, request_id: str, *, head_only: bool) -> None:
        self._send = send
        self._request_id = request_id
        self._head_only = head_only
        self.status = 0
        self.complete = False

    async def __call__(self, message: AsgiMessage) -> None:
        if self._head_only and self.complete:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self._request_id
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)
        if self._head_only and message["type"] == "http.response.start":
            message = {"type": "http.response.body", "body": b""}
            await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.complete = True


async def _finished(app: ASGIApp, scope: Scope, receive: Receive, answer: _Answer) -> None:
    """Run ``app`` so that the request ends with a whole answer, or with a closed connection."""
    try:
        await app(scope, receive, answer)
    except ClientDisconnect:
        log.info("request.hung_up", method=scope["method"], path=scope["path"])
    except Exception:
        # An error handler has told of it and answered it, and the framework raises it all the same.
        if answer.complete:
            return
        log.exception("request.failed", method=scope["method"], path=scope["path"])
        if answer.status:
            raise  # half an answer must not look like a whole one: Uvicorn cuts the connection
        await error_response(InternalError())(scope, receive, answer)


class RequestLimits:
    """Refuses an address with more values, or a body that is compressed or larger than any of ours, before
    anybody parses it; the answer is in our form, which the framework's own limit would not give.

    ``files``: the paths that take files; their routes count for themselves, as the bytes come.
    """

    def __init__(self, app: ASGIApp, files: re.Pattern[str]) -> None:
        self.app = app
        self._files = files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["query_string"].count(b"&") >= MAX_QUERY_VALUES:
            await error_response(_too_many_values())(scope, receive, send)
            return
        headers = Headers(scope=scope)
        coding = headers.get("content-encoding", "identity").strip().lower()
        if coding not in _PLAIN:
            await error_response(_compressed(coding))(scope, receive, send)
            return
        if self._files.fullmatch(scope["path"]):
            await self.app(scope, receive, send)
            return
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > LARGEST_BODY:
            await error_response(_too_large(scope))(scope, receive, send)
            return
        await self.app(scope, _counted(scope, receive), send)


def _too_many_values() -> InvalidRequest:
    return InvalidRequest(
        Message("There are too many values in the address; the limit is %(most)s.", most=MAX_QUERY_VALUES)
    )


def _compressed(coding: str) -> UnsupportedMediaType:
    return UnsupportedMediaType(
        Message(
            "The body is compressed ('Content-Encoding: %(coding)s'). Send it uncompressed.",
            coding=coding[:40],
        )
    )


def _too_large(scope: Scope) -> ApplianceError:
    """Why a body is not read: a photo at a mistyped address is not told to be smaller."""
    if all(route.matches(scope)[0] is Match.NONE for route in scope["app"].routes):
        return NotFound()
    return PayloadTooLarge(
        Message("The body is too large; the limit is %(most)s kB.", most=LARGEST_BODY // 1024)
    )


def _counted(scope: Scope, receive: Receive) -> Receive:
    """``receive``, until it has brought more than ``LARGEST_BODY`` bytes."""
    left = LARGEST_BODY

    async def counting() -> AsgiMessage:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise _too_large(scope)
        return message

    return counting
