"""What ComfyUI says over ``/ws`` while it works: who is told what, and in which form."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

PREVIEW = bytes(3) + b"\x01" + bytes(3) + b"\x01" + b"\xff\xd8" + bytes(60_000)  # kind, format, picture
FLOOD = 200  # previews in a row


class Sockets:
    """The clients that listen, by the id that they gave. ``refused``: none may."""

    def __init__(self) -> None:
        self.refused = False
        self.listening: dict[str, WebSocket] = {}
        self.headers: list[dict[str, str]] = []

    async def serve(self, socket: WebSocket, waiting: int, closing: asyncio.Event) -> None:
        self.headers.append(dict(socket.headers))
        if self.refused or "origin" in socket.headers:
            await socket.close()  # before it was accepted: 403
            return
        client_id = socket.query_params["clientId"]
        await socket.accept()
        async with self._kept(client_id, socket):
            status = {"exec_info": {"queue_remaining": waiting}}
            await self.send("status", {"status": status, "sid": client_id}, client_id)
            gone = asyncio.create_task(_until_it_hangs_up(socket))
            ends = asyncio.create_task(closing.wait())
            await asyncio.wait({gone, ends}, return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            ends.cancel()

    @asynccontextmanager
    async def _kept(self, client_id: str, socket: WebSocket) -> AsyncIterator[None]:
        self.listening[client_id] = socket
        try:
            yield
        finally:
            self.listening.pop(client_id, None)

    async def send(self, kind: str, data: dict[str, Any], client_id: str | None = None) -> None:
        """Tell one client, or everyone."""
        if kind.startswith("execution_"):
            data = {"timestamp": round(time.time() * 1000), **data}
        for name, socket in list(self.listening.items()):
            if client_id in {None, name}:
                await self._quietly(name, socket.send_json({"type": kind, "data": data}))

    async def preview(self, client_id: str, times: int = 1) -> None:
        for _ in range(times):
            if socket := self.listening.get(client_id):
                await self._quietly(client_id, socket.send_bytes(PREVIEW))

    async def hang_up(self, client_id: str) -> None:
        if socket := self.listening.pop(client_id, None):
            await socket.close(1011)

    async def _quietly(self, name: str, sending: Any) -> None:
        try:
            await sending
        except (RuntimeError, WebSocketDisconnect):  # it has just hung up
            self.listening.pop(name, None)


async def _until_it_hangs_up(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
