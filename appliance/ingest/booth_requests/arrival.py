"""A booth's request while it is under way: what staff will be shown of it is gathered here."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Scope

from appliance.core.arrived_part import ArrivedPart
from appliance.core.clock import utcnow
from appliance.ingest.proof import SenderProof
from appliance.media.imaging import PhotoInfo


@dataclass(slots=True)
class Arrival:
    """Filled in by whoever knows: the middleware, the route, the service; nothing is computed for it."""

    at: datetime
    began: float
    method: str
    path: str
    query: bytes
    headers: Headers
    address: str
    proof: SenderProof | None = None
    parts: list[ArrivedPart] = field(default_factory=list)
    info: PhotoInfo | None = None
    reply: str | None = None
    timings: dict[str, int] = field(default_factory=dict)
    hung_up: bool = False
    status: int = 0
    answer: dict[str, str] = field(default_factory=dict)  # headers that say something
    body: bytearray = field(default_factory=bytearray)  # of an error

    @classmethod
    def of(cls, scope: Scope) -> Arrival:
        """A request as it comes in."""
        client: Any = scope.get("client")
        return cls(
            at=utcnow(),
            began=time.monotonic(),
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"],
            headers=Headers(scope=scope),
            address=client[0] if client else "local",
        )
