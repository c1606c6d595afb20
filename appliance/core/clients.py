"""Who sends a request, as the network knows it."""

from __future__ import annotations

from starlette.requests import HTTPConnection


def client_address(request: HTTPConnection) -> str:
    """The true client's address: Uvicorn took it from the proxies that are trusted to name it."""
    return request.client.host if request.client else "local"
