"""Runs a stand-in on a real port, and can break a connection as a real network does."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

import uvicorn
from starlette.requests import Request
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tests.standins.base import StandIn


class _Protocol(HttpToolsProtocol):
    """Lets the application see its transport, so that a script can abort it."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


def abort(request: Request) -> None:
    """Break the connection off, with a reset."""
    transport = request.state.transport
    plain = transport.get_extra_info("socket")
    if plain is not None:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class _Server(uvicorn.Server):
    """Stops at once instead of at the next tick: the suite starts a hundred of these."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stop = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # the signals belong to whoever runs us

    async def main_loop(self) -> None:
        while not self.stop.is_set():
            await self.on_tick(0)  # its Date goes on
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()


@dataclass(frozen=True, slots=True)
class Running:
    """A stand-in that listens; ``base_url`` is what a driver is configured with."""

    base_url: str
    standin: StandIn


@asynccontextmanager
async def running(standin: StandIn, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Running]:
    """Serve ``standin`` for the length of the block, on a free port unless one is named."""
    standin.abort = abort
    # With its protocol named, asyncio turns Nagle off; otherwise each answer comes 40 ms late.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    config = uvicorn.Config(
        standin.app,
        http=_Protocol,
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
        access_log=False,
        loop="asyncio",
        timeout_graceful_shutdown=2,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.002)
    try:
        standin.base_url = f"http://{host}:{listener.getsockname()[1]}"
        yield Running(standin.base_url, standin)
    finally:
        standin.closing.set()
        server.stop.set()
        await task
        while server.server_state.tasks:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.002)
        listener.close()
