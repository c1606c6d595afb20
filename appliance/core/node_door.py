"""The door of a node: where the first machine's Nginx reaches it, open only while it may take photos.

While it is closed nobody listens there, so Nginx turns to the other machines at once and no photo is lost.
The node's own sockets, for health checks and its other processes, stay open all the time.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from appliance.core import siblings
from appliance.core.deaf_sockets import hear_nobody_new
from appliance.core.node_secret import FRONT_DOOR_HEADER, SIBLING_HEADER, SIBLINGS_PATH, NodeSecret

log = structlog.get_logger()

_BACKLOG = 256
_ON_ITS_WAY = 0.1  # seconds: longer than a handshake takes in a local network

# Takes over a connection that was accepted already.
Accepted = Callable[[socket.socket], Awaitable[object]]
Listen = Callable[[socket.socket], Awaitable[asyncio.Server]]


class NodeDoor:
    """Opened and closed by whoever knows whether this node is fit; it listens once the server is there."""

    def __init__(self, place: tuple[str, int]) -> None:
        self._place = place
        self._listen: Listen | None = None
        self._take: Accepted | None = None
        self._listening: tuple[socket.socket, asyncio.Server] | None = None
        self.is_wanted = False
        self._has_ended = False

    async def serve_by(self, listen: Listen, take: Accepted) -> None:
        """From now on the server listens when the door is open."""
        self._listen, self._take = listen, take
        if self.is_wanted:
            await self.open()

    async def open(self) -> None:
        """Take requests; nothing happens where it is open, or has ended."""
        self.is_wanted = not self._has_ended
        if self._listen is None or self._listening or self._has_ended:
            return
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.setblocking(False)
            made.bind(self._place)
            made.listen(_BACKLOG)
            self._listening = made, await self._listen(made)
        except OSError as error:
            made.close()
            log.warning("node.cannot_listen", place=f"{self._place[0]}:{self._place[1]}", error=str(error))
            return
        log.info("node.open", place=f"{self._place[0]}:{self._place[1]}")

    async def end(self) -> None:
        """Close it for good: the process ends, however fit its machine is."""
        self._has_ended = True
        await self.close()

    async def close(self) -> None:
        """Refuse new connections; what has come is finished.

        Whoever was let in by the kernel and not by us yet would be cut off, and a photo with them. So nobody
        new is heard first, and they are taken over.
        """
        self.is_wanted = False
        if self._listening is None:
            return
        (listening, server), self._listening = self._listening, None
        hear_nobody_new(listening)
        await asyncio.sleep(_ON_ITS_WAY)
        waiting = []
        with contextlib.suppress(OSError):
            while True:
                waiting.append(listening.accept()[0])
        server.close()
        for one in waiting:
            one.setblocking(False)
            assert self._take  # noqa: S101 - it came with the server
            await self._take(one)
        log.info("node.closed")


class FrontDoorOnly:
    """Around the application at the door: only the first machine's Nginx and processes are answered."""

    def __init__(self, app: ASGIApp, door: NodeDoor, secret: NodeSecret, own_socket: Path) -> None:
        self._app, self._door, self._secret = app, door, secret
        self._own_socket = own_socket

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if scope["path"] == SIBLINGS_PATH and _same(headers.get(SIBLING_HEADER), self._secret.sibling):
            await self._asked(Request(scope, receive), send)
        elif _same(headers.get(FRONT_DOOR_HEADER), self._secret.front_door):
            name = FRONT_DOOR_HEADER.lower().encode()
            scope["headers"] = [one for one in scope["headers"] if one[0] != name]
            await self._app(scope, receive, self._leaving(send))
        else:
            log.warning("node.stranger", address=scope["client"][0] if scope["client"] else None)
            await _answer(send, 403, b"")

    def _leaving(self, send: Send) -> Send:
        """Behind a closed door Nginx is told with each answer to keep no connection."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and not self._door.is_wanted:
                MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        return sending

    async def _asked(self, request: Request, send: Send) -> None:
        """A question of the first machine: it is put to this process over its own socket."""
        try:
            said = await siblings.answer_of(self._own_socket, await request.body())
        except (OSError, TimeoutError, ClientDisconnect) as error:
            log.info("sibling.not_answered", error=type(error).__name__)
            await _answer(send, 503, b"")
        else:
            await _answer(send, 200, said)


def _same(said: str | None, word: str) -> bool:
    return said is not None and hmac.compare_digest(said.encode(), word.encode())


async def _answer(send: Send, status: int, body: bytes) -> None:
    head = [(b"content-length", str(len(body)).encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
