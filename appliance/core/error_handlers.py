"""The one place where failures become answers."""

from __future__ import annotations

import errno
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match, Route

from appliance.core.errors import (
    ApplianceError,
    DatabaseUnavailable,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    ValidationFailed,
)
from appliance.core.language import Message
from appliance.core.validation import plain_message

log = structlog.get_logger()

# The driver reports a lost connection as an OSError and a slow one as a TimeoutError.
_DATABASE_AWAY = (
    *(OperationalError, InterfaceError, PoolTimeout, ConnectionError, TimeoutError),
    socket.gaierror,  # in containers: of one that does not run, not even the name is known
)
_NO_WAY = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN)  # nor, a moment later, the way to it
# What PostgreSQL says while it stops or starts, and when its disk, its memory or its connections are used up
# or its disk fails (SQLSTATE).
_AWAY_STATES = ("08", "57P", "53", "58")

_NOT_JSON = Message("must be JSON, with the header 'Content-Type: application/json'")

HUNG_UP = 499  # nobody reads it; the log says so in Nginx's own number

PageRenderer = Callable[[Request, ApplianceError], Awaitable[Response | None]]


def retry_headers(error: ApplianceError) -> dict[str, str]:
    """``Retry-After`` where the failure names a time."""
    return {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}


def error_response(error: ApplianceError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """``error`` in the JSON form, with its status."""
    extra = {**retry_headers(error), **(headers or {})}
    if error.job_id:
        extra["X-Job-Id"] = error.job_id
    return JSONResponse(error.body(), status_code=error.status_code, headers=extra)


def from_validation(error: RequestValidationError) -> ApplianceError:
    """FastAPI's own findings in our form: one message per field; an address that no id can make leads
    nowhere, as one with an unknown id does.
    """
    if any(item["loc"][0] == "path" for item in error.errors()):
        return NotFound()
    fields: dict[str, str] = {}
    for item in error.errors():
        part, *names = (str(name) for name in item["loc"])  # "body", "query", …; then the field
        if item["type"] == "json_invalid":
            names = []  # where in the text
        not_json = part == "body" and not names and isinstance(item.get("input"), bytes)
        fields[".".join(names) or part] = _NOT_JSON if not_json else plain_message(item)
    return ValidationFailed(fields=fields)


def from_http(error: HTTPException, allowed: str) -> ApplianceError:
    """The framework's own refusals (unknown address, wrong method) in our form; ``allowed`` are the methods
    that the address accepts.
    """
    if isinstance(error.__cause__, ApplianceError):  # raised while the framework read the body
        return error.__cause__
    if isinstance(error.__cause__, (UnicodeDecodeError, RecursionError)):  # found while it did, too
        why = "not UTF-8" if isinstance(error.__cause__, UnicodeDecodeError) else "nested too deeply"
        return ValidationFailed(fields={"body": Message("is not valid JSON: %(error)s", error=why)})
    match error.status_code:
        case 404:
            return NotFound()
        case 405:
            return MethodNotAllowed(
                Message("This address does not accept this method; it accepts %(methods)s.", methods=allowed)
            )
        case status if status < 500:
            return InvalidRequest(Message(str(error.detail)))
        case _:
            return InternalError()


def _allowed(request: Request) -> str:
    """Every method of the address, of all its routes: the framework names those of the first one only.

    ``/things/{id}`` also matches ``/things/all``, which is another address.
    """
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    matching = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    fewest = min((route.path.count("{") for route in matching), default=0)
    own = [route for route in matching if route.path.count("{") == fewest]
    return ", ".join(sorted({method for route in own for method in route.methods or ()}))


def from_database(error: Exception) -> ApplianceError | None:
    """A lost or refused database connection, or ``None`` if ``error`` is something else."""
    if isinstance(error, _DATABASE_AWAY) or (isinstance(error, OSError) and error.errno in _NO_WAY):
        return DatabaseUnavailable(retry_after=3)
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None) or ""
        if error.connection_invalidated or state.startswith(_AWAY_STATES):
            return DatabaseUnavailable(retry_after=3)
    return None


def from_input(error: Exception) -> ApplianceError | None:
    """What the sender wrote and nothing of ours can hold (NUL, half a character, a date beyond all
    calendars), or ``None`` if ``error`` is something else.
    """
    state = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
    if isinstance(error, UnicodeEncodeError) or (isinstance(error, DBAPIError) and state.startswith("22")):
        return InvalidRequest(
            Message("The request contains a value that cannot be stored: remove unsupported characters.")
        )
    return None


def install(app: FastAPI, render_page: PageRenderer) -> None:
    """Route every failure of ``app`` through the one form.

    ``render_page`` may answer with a page where a guest's browser asked for one.
    """

    async def answer(
        request: Request, error: ApplianceError, headers: Mapping[str, str] | None = None
    ) -> Response:
        return await render_page(request, error) or error_response(error, headers)

    async def on_expected(request: Request, error: Any) -> Response:
        log.info("request.refused", path=request.url.path, code=str(error.code), job=error.job_id)
        return await answer(request, error)

    async def on_validation(request: Request, error: Any) -> Response:
        return await answer(request, from_validation(error))

    async def on_http(request: Request, error: Any) -> Response:
        allowed = _allowed(request) if error.status_code == 405 else ""
        headers = {"Allow": allowed} if allowed else error.headers
        return await answer(request, from_http(error, allowed), headers)

    async def on_hung_up(request: Request, _: Any) -> Response:
        log.info("request.hung_up", method=request.method, path=request.url.path)
        return Response(status_code=HUNG_UP)

    async def on_anything(request: Request, error: Exception) -> Response:
        known = from_database(error)
        if known is None and (known := from_input(error)):
            log.warning("request.unusable", path=request.url.path, error=type(error).__name__)
        elif known is None:
            log.error("request.failed", method=request.method, path=request.url.path, exc_info=error)
            known = InternalError()
        else:
            log.warning("database.unavailable", path=request.url.path, error=type(error).__name__)
        return await answer(request, known)

    app.add_exception_handler(ApplianceError, on_expected)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(ClientDisconnect, on_hung_up)
    for kind in (*_DATABASE_AWAY, Exception):
        app.add_exception_handler(kind, on_anything)
