"""The app's HTTP server: Uvicorn, told how this program uses it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any

import uvicorn
from fastapi import FastAPI

from appliance.core.processes import IDLE_SECONDS
from appliance.core.request_line import RequestProtocol
from appliance.core.threads import take_turns
from appliance.core.unix_sockets import name_to_listen_on, refuse_at

_A_LITTLE = 0.3  # seconds


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event, *, others: bool) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._others = others

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
    stopping: asyncio.Event,
    listen: Mapping[str, Any],
    trusted_proxies: Sequence[str],
    *,
    others: bool = False,
) -> bool:
    """Answer requests until told to stop; whether it could begin. ``stopping`` is set when it is told.

    ``others``: other processes take the requests that come while this one ends. Raises ``OSError`` if another
    app listens at the same socket.
    """
    take_turns()
    options = dict(listen)
    with contextlib.ExitStack() as listening:
        if "uds" in options:
            options["uds"] = listening.enter_context(name_to_listen_on(options["uds"]))
        config = uvicorn.Config(
            app,
            **options,
            loop="uvloop",
            http=RequestProtocol,
            ws="none",
            proxy_headers=True,
            forwarded_allow_ips=list(trusted_proxies),
            server_header=False,
            log_config=None,
            access_log=False,  # the middleware writes one line a request, and Nginx another
            timeout_keep_alive=75,
            timeout_graceful_shutdown=62,
        )
        server = _Server(config, stopping, others=others)
        try:
            server.run()
        except SystemExit:  # it cannot listen, or could not start; its log line says which
            return False
    return server.started
