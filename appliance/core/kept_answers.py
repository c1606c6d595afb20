"""Answers that are kept for less than a second: whoever asks for the same meanwhile gets the same.

A party opens one gallery, or one link is passed around: thousands ask for a few dozen things, and each
answer is the same head that tells Nginx which file to send, or the same page. A route says that its answer
may be kept (``keep``); then it is given again without the framework, without the database and without a
line in the log (Nginx writes one).

What was hidden or deleted must not be seen a second later, in any process. So nothing is kept for longer
than ``SECONDS``, counted from before the row was read, and nobody has to be told. Where the change comes
through this process, as nearly all do, it counts at once: before a request that may have changed something
is answered, all that is kept has become worthless. Other processes are told, without anybody waiting.
"""

from __future__ import annotations

import re
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from appliance.core.images import WEBP
from appliance.core.metrics import answers_counted
from appliance.core.photos_first import PhotoWork
from appliance.core.recent import SECONDS, Changes

# From this age on one request goes the long way and brings a fresh answer; the others do not wait for it.
_RENEWED_AFTER = 0.5
_MOST_BYTES = 8_000_000
_CHANGES_NOTHING = frozenset({"GET", "HEAD", "OPTIONS"})
_OF_A_PAGE = frozenset({b"accept-language", b"cookie", b"host"})
_ID = b"x-request-id"
_WEBP = WEBP.media_type.encode()
_Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class KeptPaths:
    """Whose answers may be kept, by what they depend on besides the address: of ``files`` whether WebP is
    accepted; of ``files_with_cookie`` the cookies too; of ``pages`` the language, the cookies and the host.
    ``photos``: where booths post; no other process is waited for there.
    """

    files: re.Pattern[str]
    files_with_cookie: re.Pattern[str]
    pages: re.Pattern[str]
    photos: re.Pattern[str]


def keep(request: HTTPConnection, nonce: str | None = None) -> None:
    """Let the answer to ``request`` be given to others, too; the ``nonce`` in it is made anew each time."""
    request.scope["state"]["kept"] = nonce.encode() if nonce else None


@dataclass(slots=True)
class _KeptAnswer:
    """An answer, and when the row behind it was not yet read."""

    since: float
    changes: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    nonce: bytes | None
    counted: Any
    renewing: bool = False


class KeptAnswers:
    """Stands twice around the application: ``outside`` of everything, and ``inside`` of the seats that are
    shared out beside a photo.
    """

    def __init__(self, paths: KeptPaths, work: PhotoWork, changes: Changes) -> None:
        self._paths = paths
        self._work = work
        self._changes = changes
        self._kept: OrderedDict[_Key, _KeptAnswer] = OrderedDict()
        self._bytes = 0

    def outside(self, app: ASGIApp) -> ASGIApp:
        """Gives what is kept while no photo is worked at; keeps what routes let be kept; notices changes."""

        async def asked(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
            elif scope["method"] == "GET":
                if self._work.now or not await self._again(scope, send, may_renew=True):
                    await app(scope, receive, self._keeping(scope, send))
            elif scope["method"] in _CHANGES_NOTHING:
                await app(scope, receive, send)
            else:
                await app(scope, receive, self._forgetting(scope["path"], send))

        return asked

    def inside(self, app: ASGIApp) -> ASGIApp:
        """Gives what is kept by now to who had to wait for a seat."""

        async def asked(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["method"] == "GET":
                if "renews" not in scope["state"] and await self._again(scope, send):
                    return
                scope["state"]["asked"] = time.monotonic(), self._changes.count
            await app(scope, receive, send)

        return asked

    def _key(self, scope: Scope) -> _Key | None:
        path: str = scope["path"]
        if self._paths.files.fullmatch(path):
            with_cookie = False
        elif self._paths.files_with_cookie.fullmatch(path):
            with_cookie = True
        elif self._paths.pages.fullmatch(path):
            of_page = tuple(header for header in scope["headers"] if header[0] in _OF_A_PAGE)
            return path, scope["query_string"], scope["scheme"], of_page
        else:
            return None
        accepts = cookies = None
        for name, value in scope["headers"]:
            if name == b"accept" and accepts is None:
                accepts = _WEBP in value
            elif with_cookie and name == b"cookie":
                cookies = value if cookies is None else cookies + b";" + value
        return path, scope["query_string"], accepts, cookies

    async def _again(self, scope: Scope, send: Send, *, may_renew: bool = False) -> bool:
        """Whether there was an answer to give again."""
        key = self._key(scope)
        kept = self._kept.get(key) if key else None
        if kept is None or kept.changes != self._changes.count:
            return False
        age = time.monotonic() - kept.since
        if age > SECONDS:
            return False
        if may_renew and age > _RENEWED_AFTER and not kept.renewing:
            scope["state"]["renews"] = kept.renewing = True
            return False
        headers, body = kept.headers, kept.body
        if kept.nonce:
            fresh = secrets.token_urlsafe(12).encode()
            headers = [(name, value.replace(kept.nonce, fresh)) for name, value in headers]
            body = body.replace(kept.nonce, fresh)
        said = [header for header in scope["headers"] if header[0] == _ID]
        await send({"type": "http.response.start", "status": 200, "headers": [*headers, *said]})
        await send({"type": "http.response.body", "body": body})
        kept.counted.inc()
        return True

    def _keeping(self, scope: Scope, send: Send) -> Send:
        """``send``, which keeps an answer that comes whole and that a route has marked."""
        start: Message | None = None

        async def sending(message: Message) -> None:
            nonlocal start
            await send(message)
            if message["type"] == "http.response.start":
                start = message if "kept" in scope["state"] else None
            elif start and not message.get("more_body"):
                self._keep(scope, start, message.get("body", b""))
            else:
                start = None

        return sending

    def _keep(self, scope: Scope, start: Message, body: bytes) -> None:
        since, changes = scope["state"]["asked"]
        nonce = scope["state"]["kept"]
        headers = [header for header in start["headers"] if header[0] != _ID]
        key = self._key(scope)
        if key is None or start["status"] != HTTPStatus.OK or _sets_cookie(headers):
            return
        counted = answers_counted(scope["path"], HTTPStatus.OK)
        self._drop(key)
        self._kept[key] = _KeptAnswer(since, changes, headers, body, nonce, counted)
        self._bytes += _size(self._kept[key])
        while self._kept and (self._bytes > _MOST_BYTES or self._oldest().since < since - SECONDS):
            self._drop(next(iter(self._kept)))

    def _oldest(self) -> _KeptAnswer:
        return next(iter(self._kept.values()))

    def _drop(self, key: _Key) -> None:
        if dropped := self._kept.pop(key, None):
            self._bytes -= _size(dropped)

    def _forgetting(self, path: str, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < HTTPStatus.BAD_REQUEST:
                if self._paths.photos.match(path):
                    self._changes.made()
                else:
                    await self._changes.made_by_somebody()
            await send(message)

        return sending


def _sets_cookie(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(name == b"set-cookie" for name, _ in headers)


def _size(kept: _KeptAnswer) -> int:
    return len(kept.body) + 2000  # about what the headers and the key take
