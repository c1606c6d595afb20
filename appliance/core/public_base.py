"""Where guests reach this appliance: the base of every link that a phone is to open."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import HTTPConnection

from appliance.core.injection import service_of

_HOST = re.compile(r"(?P<name>[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?P<port>:\d{1,5})?")
_CONTAINER_NETWORKS = (ipaddress.ip_network("172.16.0.0/12"), ipaddress.ip_network("10.88.0.0/16"))
_CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))


@dataclass(frozen=True, slots=True)
class DeploymentUrls:
    """What the deployment says: the base that it fixes, and the one by which the local network reaches
    this machine.
    """

    configured: str | None
    lan: str | None


@dataclass(frozen=True, slots=True)
class BaseUrls:
    """The bases of links, from what the deployment says and from how a request came in."""

    configured: str | None
    lan: str | None
    scheme: str
    host: str | None

    def own(self, chosen: str | None) -> str:
        """The base for whoever sent the request; ``chosen`` is the operator's, if one is set."""
        return request_base(chosen or self.configured, self.scheme, self.host)

    def guests(self, chosen: str | None) -> str:
        """The base for somebody else's phone."""
        return guest_base(chosen or self.configured, self.lan, self.scheme, self.host)

    def without_choice(self) -> str:
        """The base for somebody else's phone if nobody had set one."""
        return guest_base(None, self.lan, self.scheme, self.host)


def base_urls_of(request: HTTPConnection) -> BaseUrls:
    """The bases of links for who sent ``request``, and for guests."""
    fixed = service_of(request, DeploymentUrls)
    return BaseUrls(fixed.configured, fixed.lan, request.url.scheme, request.headers.get("host"))


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
    """Whether a phone may know ``name``: an address that is not loopback, or a name with a dot."""
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return "." in name.strip(".") and not name.lower().rstrip(".").endswith((".localhost", ".internal"))
    return not (address.is_loopback or address.is_unspecified)


def lan_address() -> str | None:
    """The machine's address in the local network; asks the routing table, sends nothing.

    ``None`` for a container's address in a network of its own, which no phone can reach.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = str(probe.getsockname()[0])
    return None if address.startswith(("127.", "0.")) or _of_container(address) else address


def _of_container(address: str) -> bool:
    inside = any(mark.exists() for mark in _CONTAINER_MARKS)
    return inside and any(ipaddress.ip_address(address) in network for network in _CONTAINER_NETWORKS)
