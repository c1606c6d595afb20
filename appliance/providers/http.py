"""HTTP as the drivers use it: exchanges bounded in time and size, and answers read with care.

Whatever goes wrong on the wire leaves here as a ``ProviderError`` with a stable reason, or as
``TimeoutError`` when the deadline has passed. Nothing of a request gets into the error's text.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from appliance.core.clock import Deadline, utcnow
from appliance.core.clock_skew import PROVIDERS
from appliance.providers.base import (
    ProviderBadKey,
    ProviderError,
    ProviderNotServed,
    ProviderPermanent,
    ProviderQuota,
    ProviderSpent,
    ProviderUnreachable,
)
from appliance.providers.json_answer import JsonAnswer
from appliance.providers.route_clock import request_goes_out

MIB = 1024 * 1024
STALL_SECONDS = 20.0  # without a byte in the middle of an answer: the connection is dead
# Reasons that say that nothing was sent, so that nothing can have been billed: no connection came about, or
# a driver itself refused what was asked of it.
NEVER_SENT = frozenset(
    {
        "connection_refused",
        "connect_failed",
        "connect_timeout",
        "dns_failed",
        "pool_timeout",
        "refused_parameters",
        "no_key",
        "malformed_key",
    }
)
LONGEST_RETRY_AFTER = 86_400.0  # seconds; a longer wish is not worth remembering
_NUMBER = re.compile(r"\d{1,12}(?:\.\d+)?", re.ASCII)

Wire = TypeVar("Wire", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP answer; its body may hold a guest's picture and is never shown.

    Of JSON, the pictures in it are in ``pictures``, by what stands for them in ``body`` (``JsonAnswer``).
    """

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)
    pictures: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case; empty if there is none."""
        return _media_type(self.headers)


def usable_key(key: str | None) -> str:
    """``key`` as it may stand in a header; raises ``ProviderBadKey`` before anything is sent."""
    if not key:
        raise ProviderBadKey("no_key", "no key is set for this provider")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ProviderBadKey("malformed_key", "the key contains spaces, line breaks or foreign letters")
    return key


# Exchanges


async def post(
    client: httpx.AsyncClient, url: str, deadline: Deadline, *, max_bytes: int, **content: Any
) -> Answer:
    """``POST`` to an API endpoint; ``content`` is what httpx takes (``headers``, ``data``, ``files``)."""
    return await call(client, "POST", url, deadline, max_bytes=max_bytes, **content)


async def get(
    client: httpx.AsyncClient, url: str, deadline: Deadline, *, max_bytes: int, **content: Any
) -> Answer:
    """``GET`` an API endpoint."""
    return await call(client, "GET", url, deadline, max_bytes=max_bytes, **content)


async def call(
    client: httpx.AsyncClient, method: str, url: str, deadline: Deadline, *, max_bytes: int, **content: Any
) -> Answer:
    """Call an API endpoint; to be sent elsewhere is a failure."""
    answer = await exchange(client, method, url, deadline, max_bytes=max_bytes, **content)
    if 300 <= answer.status < 400:
        raise ProviderUnreachable(
            "redirect",
            "the API redirected the request: wrong base address, or a captive portal",
            http_status=answer.status,
        )
    return answer


async def exchange(
    client: httpx.AsyncClient,
    method: str,
    url: str | httpx.URL,
    deadline: Deadline,
    *,
    max_bytes: int,
    stall_seconds: float = STALL_SECONDS,
    **content: Any,
) -> Answer:
    """One request and its whole answer, of at most ``max_bytes`` bytes, before ``deadline``.

    Raises ``ProviderUnreachable`` for a broken connection, ``ProviderPermanent`` for an answer
    that is too large, and ``TimeoutError`` when time ran out. Redirects are returned as they are.
    """
    try:
        async with deadline.guard():
            request = client.build_request(method, url, **content)
            request_goes_out()
            response = await client.send(request, stream=True, follow_redirects=False)
            PROVIDERS.heard(response.headers.get("date"))
            try:
                return await _read(response, max_bytes, stall_seconds, deadline)
            finally:
                await response.aclose()
    except httpx.HTTPError as error:
        # Its text may quote a header or an address, so it is left out of ours.
        raise ProviderUnreachable(_wire_reason(error)) from None
    except (httpx.InvalidURL, UnicodeError):
        raise ProviderPermanent("bad_address") from None


async def _read(response: httpx.Response, max_bytes: int, stall_seconds: float, deadline: Deadline) -> Answer:
    too_large = ProviderPermanent(
        "answer_too_large", f"more than {max_bytes} bytes", http_status=response.status_code
    )
    declared = response.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise too_large
    json = JsonAnswer() if _is_json(_media_type(response.headers)) else None
    pieces, size = list[bytes](), 0
    chunks = response.aiter_bytes()
    while True:
        try:
            async with asyncio.timeout(stall_seconds):
                chunk = await anext(chunks, None)
        except TimeoutError:
            if not deadline.remaining():
                raise
            raise ProviderUnreachable("stalled", http_status=response.status_code) from None
        if chunk is None:
            break
        size += len(chunk)
        if size > max_bytes:
            raise too_large
        if json:
            json.take(chunk)
        else:
            pieces.append(chunk)
    if json:
        return Answer(response.status_code, response.headers, json.body, json.pictures)
    return Answer(response.status_code, response.headers, b"".join(pieces))


def _media_type(headers: httpx.Headers) -> str:
    return str(headers.get("content-type", "")).partition(";")[0].strip().lower()


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or media_type.endswith("+json")


def _wire_reason(error: httpx.HTTPError) -> str:
    """A stable word for what broke, as near to the cause as the chain of exceptions tells."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "tls_failed"
        if isinstance(cause, socket.gaierror):
            return "dns_failed"
        if isinstance(cause, ConnectionRefusedError):
            return "connection_refused"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.DecodingError):
        return "bad_encoding"
    if isinstance(error, httpx.TimeoutException):
        return {"ConnectTimeout": "connect_timeout", "PoolTimeout": "pool_timeout"}.get(
            type(error).__name__, "wire_timeout"
        )
    return "connect_failed" if isinstance(error, httpx.ConnectError) else "connection_broken"


# Answers


async def read_json(answer: Answer, model: type[Wire], *, any_type: bool = False) -> Wire:
    """The answer as ``model``, parsed in a thread because it may carry a picture.

    ``any_type`` accepts JSON under any content type. Raises ``ProviderUnreachable`` for a web
    page, another content type, broken JSON, or JSON of another shape.
    """
    start = answer.body[:64].lstrip()[:1]
    if start == b"<" or (answer.media_type == "text/html" and not any_type):
        raise _unreadable(
            answer, "html_page", "the answer was a web page: a captive portal, or a proxy's error?"
        )
    if not any_type and not _is_json(answer.media_type):
        raise _unreadable(answer, "wrong_content_type", answer.media_type[:60])
    try:
        return await asyncio.to_thread(model.model_validate_json, answer.body)
    except ValidationError as error:
        broken = any(item["type"] == "json_invalid" for item in error.errors(include_input=False))
    raise _unreadable(answer, "broken_json" if broken else "unexpected_json")


async def read_error(answer: Answer, model: type[Wire]) -> Wire | None:
    """The body of an error as ``model``; ``None`` if it is not the provider's own."""
    try:
        return await read_json(answer, model)
    except ProviderUnreachable:
        return None


def _unreadable(answer: Answer, reason: str, detail: str = "") -> ProviderUnreachable:
    return ProviderUnreachable(reason, detail, http_status=answer.status)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """How long the answer asks to wait, in seconds from now; ``None`` if it does not.

    ``Retry-After-Ms`` is more exact and wins; ``Retry-After`` is seconds, maybe with a fraction, or
    an HTTP date, which is on the clock that the answer's own ``Date`` shows.
    """
    exact, value = (headers.get(name, "").strip() for name in ("retry-after-ms", "retry-after"))
    if _NUMBER.fullmatch(exact):
        seconds = float(exact) / 1000
    elif _NUMBER.fullmatch(value):
        seconds = float(value)
    else:
        at = _moment(value)
        if at is None:
            return None
        seconds = (at - (_moment(headers.get("date", "")) or utcnow())).total_seconds()
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def _moment(text: str) -> datetime | None:
    """An HTTP date; ``None`` for what is none."""
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def status_error(
    answer: Answer,
    reason: str = "",
    detail: str = "",
    *,
    response_id: str | None = None,
    wait: float | None = None,
) -> ProviderError:
    """The error that an HTTP status of 400 and above stands for, where nothing more special is known.

    ``reason`` and ``detail`` are the provider's own; an empty ``reason`` means that something
    other than the provider's API answered. ``wait`` overrides ``Retry-After``, in seconds.
    """
    status = answer.status
    wait = retry_after(answer.headers) if wait is None else wait
    kind: type[ProviderError] = ProviderPermanent
    if status == 402:
        kind = ProviderSpent
    elif status == 429:
        kind = ProviderQuota
    elif status in {407, 408, 425, 511} or status >= 500 or (status in {401, 403} and not reason):
        # A venue's proxy or a firewall also answers 403: that says nothing about the key.
        kind = ProviderUnreachable
    elif status == 401:
        kind = ProviderBadKey
    elif status == 403:  # of the account, the place or the model: only the provider's own words tell
        kind = ProviderNotServed
    return kind(
        reason or f"http_{status}", detail, http_status=status, response_id=response_id, retry_after=wait
    )
