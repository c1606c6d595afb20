"""Where guests reach this appliance: the base of every link that a phone is to open."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from appliance.core.injection import service_of
from appliance.core.networks import lan_address, machine_addresses

_HOST = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?P<port>:\d{1,5})?")


@dataclass(frozen=True, slots=True)
class DeploymentUrls:
    """What the deployment says: the base that it fixes, the one by which the local network reaches this
    machine, and others that would do.
    """

    configured: str | None
    lan: str | None
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BaseUrls:
    """The bases of links, from what the deployment says and from how a request came in."""

    configured: str | None
    lan: str | None
    scheme: str
    host: str | None
    others: tuple[str, ...] = ()

    def own(self, chosen: str | None) -> str:
        """The base for whoever sent the request; ``chosen`` is the operator's, if one is set."""
        return request_base(chosen or self.configured, self.scheme, self.host)

    def guests(self, chosen: str | None) -> str:
        """The base for somebody else's phone."""
        return guest_base(chosen or self.configured, self.lan, self.scheme, self.host)

    def choices(self) -> tuple[str, ...]:
        """The bases that phones may reach, the best first, as far as this machine knows."""
        if self.lan:
            return (self.lan, *self.others)
        found = _HOST.fullmatch(self.host or "")
        port = (found["port"] if found else None) or ""
        return tuple(
            f"{self.scheme}://{one.address}{port}" for one in machine_addresses() if one.problem is None
        )


def base_urls_of(request: HTTPConnection) -> BaseUrls:
    """The bases of links for who sent ``request``, and for guests."""
    fixed = service_of(request, DeploymentUrls)
    return BaseUrls(
        fixed.configured, fixed.lan, request.url.scheme, request.headers.get("host"), fixed.others
    )


def request_base(configured: str | None, scheme: str, host: str | None) -> str:
    """The configured base, else the request's own host: right for whoever sent the request."""
    if configured:
        return configured
    return f"{scheme}://{host if host and _HOST.fullmatch(host) else 'localhost'}"


def guest_base(configured: str | None, lan: str | None, scheme: str, host: str | None) -> str:
    """The base for somebody else's phone: the configured one, else the request's host where a phone
    can reach it, else ``lan``, else this machine's address in the local network.
    """
    if configured:
        return configured
    found = _HOST.fullmatch(host or "")
    if found and _reachable(found["name"]):
        return f"{scheme}://{host}"
    if lan:
        return lan
    address = lan_address()
    if address is None:
        return request_base(None, scheme, host)
    return f"{scheme}://{address}{(found['port'] if found else None) or ''}"


def _reachable(name: str) -> bool:
    """Whether a phone may know ``name``: an address that phones reach, or a name with a dot."""
    bare = name.strip("[]")
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return "." in name.strip(".") and not name.lower().rstrip(".").endswith((".localhost", ".internal"))
    if address.is_loopback or address.is_unspecified:
        return False
    own = next((one for one in machine_addresses() if one.address == bare), None)
    return own.problem is None if own else not address.is_link_local
