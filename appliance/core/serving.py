"""The app's HTTP server: Uvicorn, told how this program uses it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Mapping, Sequence
from typing import Any

import uvicorn
from fastapi import FastAPI

from appliance.core.request_line import RequestProtocol
from appliance.core.threads import take_turns
from appliance.core.unix_sockets import name_to_listen_on


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping.set()  # streams to browsers end now; photos in flight go on
        await super().shutdown(sockets)


def serve(
    app: FastAPI, stopping: asyncio.Event, listen: Mapping[str, Any], trusted_proxies: Sequence[str]
) -> bool:
    """Answer requests until told to stop; whether it could begin. ``stopping`` is set when it is told.

    Raises ``OSError`` if another app listens at the same socket.
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
        server = _Server(config, stopping)
        try:
            server.run()
        except SystemExit:  # it cannot listen, or could not start; its log line says which
            return False
    return server.started
