"""Where guests reach this appliance: the base of every link that a phone is to open."""

from __future__ import annotations

from dataclasses import dataclass, replace

from starlette.requests import HTTPConnection

from appliance.core.injection import service_of
from appliance.core.networks import lan_address, machine_addresses
from appliance.core.web_address import WebAddress, ip_of, is_forbidden, parse_address


@dataclass(frozen=True, slots=True)
class DeploymentUrls:
    """What the deployment says: the base that it fixes, the one by which the local network reaches this
    machine, and others that would do. ``front_door`` is where this machine reaches its own Nginx: its port
    is the one of links that no request asked for.
    """

    configured: str | None
    lan: str | None
    others: tuple[str, ...] = ()
    front_door: str | None = None


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
        found = _parsed(self.scheme, self.host)
        usable = (one.address for one in machine_addresses() if one.problem is None)
        return tuple(replace(found, host=one).origin if found else f"{self.scheme}://{one}" for one in usable)


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
    found = _parsed(scheme, host)
    return found.origin if found else f"{scheme}://localhost"


def guest_base(configured: str | None, lan: str | None, scheme: str, host: str | None) -> str:
    """The base for somebody else's phone: the configured one, else the request's host where a phone
    can reach it, else ``lan``, else this machine's address in the local network.
    """
    if configured:
        return configured
    found = _parsed(scheme, host)
    if found and _reachable(found.host):
        return found.origin
    if lan:
        return lan
    address = lan_address()
    if address is None:
        return request_base(None, scheme, host)
    return replace(found, host=address).origin if found else f"{scheme}://{address}"


def _parsed(scheme: str, host: str | None) -> WebAddress | None:
    """The ``Host`` of a request, if a browser could have sent it."""
    if not host or not host.isascii() or "/" in host:
        return None
    try:
        return parse_address(f"{scheme}://{host}")
    except ValueError:
        return None


def _reachable(name: str) -> bool:
    """Whether a phone may know ``name``: an address that phones reach, or a name with a dot."""
    address = ip_of(name)
    if address is None:
        return "." in name.strip(".") and not name.rstrip(".").endswith((".localhost", ".internal"))
    if address.is_loopback or is_forbidden(address):
        return False
    own = next((one for one in machine_addresses() if ip_of(one.address) == address), None)
    return own is None or own.problem is None
