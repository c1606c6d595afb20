"""Asks the app over its own socket. Standard library only: ``probe`` and ``watch`` must start quickly."""

from __future__ import annotations

import http.client
import os
from http import HTTPStatus

from appliance.core import unix_sockets


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path, self._seconds = path, timeout

    def connect(self) -> None:
        self.sock = unix_sockets.connect(self._path, self._seconds)


def connection(listen: str, timeout: float) -> http.client.HTTPConnection:
    """A connection to ``unix:/path`` or ``host:port``, the form that ``PHOTOCHANGER_LISTEN`` has."""
    if listen.startswith("unix:"):
        return _UnixConnection(listen.removeprefix("unix:"), timeout)
    host, _, port = listen.rpartition(":")
    return http.client.HTTPConnection(host.strip("[]"), int(port), timeout=timeout)


def get(path: str, timeout: float, listen: str | None = None) -> tuple[int, bytes]:
    """Status and body of the app's answer; raises ``OSError`` or ``HTTPException`` if there is none."""
    return _ask("GET", path, None, {}, timeout, listen)


def is_ready(listen: str) -> bool:
    """Whether the process that listens there can do its work."""
    try:
        return get("/readyz", 5, listen)[0] == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False


def post(path: str, body: bytes, content_type: str, *, timeout: float, listen: str) -> tuple[int, bytes]:
    """The same for a form that is sent."""
    return _ask("POST", path, body, {"Content-Type": content_type}, timeout, listen)


def _ask(
    method: str, path: str, body: bytes | None, headers: dict[str, str], timeout: float, listen: str | None
) -> tuple[int, bytes]:
    where = listen or os.environ.get("PHOTOCHANGER_LISTEN", "127.0.0.1:8000")
    asked = connection(where, timeout)
    try:
        asked.request(method, path, body, {"Connection": "close", **headers})
        answer = asked.getresponse()
        return answer.status, answer.read()
    finally:
        asked.close()
