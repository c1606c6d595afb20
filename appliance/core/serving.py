"""The app's HTTP server: Uvicorn, told how this program uses it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from appliance.core.names import look_up_apart
from appliance.core.node_door import NodeDoor
from appliance.core.processes import IDLE_SECONDS
from appliance.core.request_line import RequestProtocol
from appliance.core.stopping import Stopping
from appliance.core.threads import take_turns
from appliance.core.unix_sockets import name_to_listen_on, refuse_at

_A_LITTLE = 0.3  # seconds


class _Server(uvicorn.Server):
    """``door``: a second place to listen at, on which ``at_door`` answers."""

    def __init__(
        self,
        config: uvicorn.Config,
        stopping: Stopping,
        *,
        others: bool,
        door: NodeDoor | None,
        at_door: uvicorn.Config,
    ) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._others = others
        self._door, self._at_door = door, at_door

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._stopping.is_wanted = sig != signal.SIGINT
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        look_up_apart(loop)
        await super().startup(sockets)
        if self._door:
            self._at_door.load()
            await self._door.serve_by(
                lambda one: loop.create_server(self._protocol, sock=one),
                lambda one: loop.connect_accepted_socket(self._protocol, one),
            )

    def _protocol(self) -> asyncio.Protocol:
        return RequestProtocol(self._at_door, self.server_state, self.lifespan.state)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping.set()  # streams to browsers end now; photos in flight go on
        if self._others:
            await self._leave()
        await super().shutdown(sockets)

    async def _leave(self) -> None:
        """Have Nginx turn to the other processes, and answer whatever it has sent here by then.

        A request that meets a connection while that is being closed would be lost, and a photo must not be
        sent twice. So nobody can connect any more first, and the connections that Nginx keeps end at its
        side: it is told so with each answer, and closes idle ones by itself.
        """
        if self._door:
            await self._door.end()
        if self.config.uds:
            await asyncio.to_thread(refuse_at, self.config.uds)
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        for connection in self.server_state.connections:
            cycle = getattr(connection, "cycle", None)
            if cycle is not None and not cycle.response_started:
                cycle.keep_alive = False
        until = time.monotonic() + IDLE_SECONDS + _A_LITTLE
        connected_since = time.monotonic() + _A_LITTLE  # what has just been connected is accepted by then
        while time.monotonic() < until and not self.force_exit:
            await asyncio.sleep(0.05)
            if not self.server_state.connections and time.monotonic() > connected_since:
                return


def serve(
    app: FastAPI,
    stopping: Stopping,
    listen: Mapping[str, Any],
    trusted_proxies: Sequence[str],
    *,
    others: bool = False,
    door: NodeDoor | None = None,
    at_door: ASGIApp | None = None,
) -> bool:
    """Answer requests until told to stop; whether it could begin. ``stopping`` is set when it is told.

    ``others``: other processes take the requests that come while this one ends. ``door``: where a node is
    reached from another machine, with the application that answers there. Raises ``OSError`` if another
    app listens at the same socket.
    """
    take_turns()
    options = dict(listen)
    with contextlib.ExitStack() as listening:
        if "uds" in options:
            options["uds"] = listening.enter_context(name_to_listen_on(options["uds"]))
        made = partial(
            uvicorn.Config,
            loop="uvloop",
            http=RequestProtocol,
            ws="none",
            proxy_headers=True,
            server_header=False,
            log_config=None,
            access_log=False,  # the middleware writes one line a request, and Nginx another
            timeout_keep_alive=75,
            timeout_graceful_shutdown=62,
        )
        config = made(app, forwarded_allow_ips=list(trusted_proxies), **options)
        # Whoever is let in there has said the word that only Nginx knows.
        front = made(at_door or app, forwarded_allow_ips=["*"])
        server = _Server(config, stopping, others=others, door=door, at_door=front)
        try:
            server.run()
        except SystemExit:  # it cannot listen, or could not start; its log line says which
            return False
    return server.started
