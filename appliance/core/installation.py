"""What tells this appliance from another one on the same host."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from appliance.core.injection import service_of


@dataclass(frozen=True, slots=True)
class Installation:
    """An appliance by what only it has; its guests' links tell the same of it."""

    identity: str

    def cookie(self, name: str) -> str:
        """The full name of a cookie of ours. Browsers send cookies to every port of a host."""
        return f"photochanger_{hashlib.sha256(self.identity.encode()).hexdigest()[:8]}_{name}"


def cookie_name(request: HTTPConnection, name: str) -> str:
    """The full name that a cookie has here."""
    return service_of(request, Installation).cookie(name)


def read_cookie(request: HTTPConnection, name: str) -> str | None:
    """What the browser sent as our cookie ``name``, if anything."""
    return request.cookies.get(cookie_name(request, name))
