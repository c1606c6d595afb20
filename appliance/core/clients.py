"""Who sends a request, as the network knows it."""

from __future__ import annotations

import ipaddress

from starlette.requests import HTTPConnection


def client_address(request: HTTPConnection) -> str:
    """The true client's address: Uvicorn took it from the proxies that are trusted to name it."""
    return request.client.host if request.client else "local"


def network_of(address: str) -> str:
    """An IPv4 address as it is, an IPv6 address as its /64; what is neither is cut to 64 characters."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
