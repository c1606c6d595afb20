"""Sees every request at the booths' door, refused ones too, and keeps what staff are shown of it."""

from __future__ import annotations

import re

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from appliance.core.injection import Services
from appliance.ingest.booth_requests.arrival import Arrival
from appliance.ingest.booth_requests.log import BoothRequests

log = structlog.get_logger()

# Mistyped ones too, even with a line break: the page says that they arrived.
_DOOR = re.compile(r"/+(?:api/+)?ingest(?:/.*)?", re.DOTALL)
_LONGEST_ERROR = 8_000  # bytes; an error of ours is shorter
_SHOWN = ("content-type", "content-length", "x-job-id", "x-public-url", "retry-after", "idempotency-replayed")


class BoothRequestLog:
    """Nothing of the body passes here, and nothing is waited for."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _DOOR.fullmatch(scope["path"]):
            await self.app(scope, receive, send)
            return
        arrival = scope["state"]["arrival"] = Arrival.of(scope)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                arrival.status = message["status"]
                headers = Headers(raw=message["headers"])
                arrival.answer = {name: headers[name] for name in _SHOWN if name in headers}
            elif arrival.status >= 400 and len(arrival.body) < _LONGEST_ERROR:
                arrival.body += message.get("body", b"")
            await send(message)

        try:
            await self.app(scope, receive, sending)
        finally:
            services: Services = scope["state"]["services"]
            try:
                services[BoothRequests].add(arrival)
            except Exception as error:  # noqa: BLE001 - the booth has its answer
                log.warning("booth_request.not_kept", error=type(error).__name__)
