"""A web address as somebody typed it: checked, and written in ASCII as every program understands it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator

from appliance.core.language import Message
from appliance.core.validation import at_most_characters

LONGEST = 300  # characters, as typed and as written in ASCII

_FORM = re.compile(r"(?P<scheme>https?)://(?P<place>[^/?#\\]*)(?P<path>/[^?#\\]*)?", re.IGNORECASE)
_PLACE = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?P<port>:\d{1,5})?")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_PORTS = {"http": 80, "https": 443}
# Names that lead to no place beyond the local network (RFC 6761, 6762, 8375, and what routers use).
_NEAR_NAMES = (".localhost", ".local", ".internal", ".home.arpa", ".lan")

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class WebAddress:
    """``host`` is lower case and ASCII, an IPv6 address in brackets; ``path`` has no slash at its end."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """Scheme, host and port: to whom something is sent."""
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"

    @property
    def is_near(self) -> bool:
        """Whether it is this machine, or one of its local network."""
        if (address := ip_of(self.host)) is not None:
            return address.is_loopback or (address.is_private and not is_forbidden(address))
        return "." not in self.host or self.host == "localhost" or self.host.endswith(_NEAR_NAMES)

    def __str__(self) -> str:
        return self.origin + self.path


def ip_of(host: str) -> IpAddress | None:
    """The number that ``host`` is, an IPv4 one also where it is written as IPv6; ``None`` for a name."""
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def is_forbidden(address: IpAddress) -> bool:
    """Whether nobody has business there: clouds tell a machine's secrets at link-local addresses."""
    return (
        address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address in _METADATA
        or (
            isinstance(address, ipaddress.IPv4Address) and address == ipaddress.IPv4Address("255.255.255.255")
        )
    )


# Metadata services that are not at a link-local address: of AWS over IPv6, of Alibaba, of Oracle.
_METADATA = tuple(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "192.0.0.192")))
# What they are called at Google.
_METADATA_NAMES = frozenset({"metadata", "metadata.google.internal"})


def parse_address(text: str) -> WebAddress:
    """``text`` in its parts; raises ``ValueError`` with a ``Message`` that says what is wrong."""
    found = _FORM.fullmatch(text)
    if not found or len(text) > LONGEST or not text.isprintable() or " " in text:
        raise ValueError(Message("must be an address such as https://booth.example.com"))
    scheme, place = found["scheme"].lower(), found["place"]
    if "@" in place:
        raise ValueError(Message("must have no user name or password in it"))
    parts = _PLACE.fullmatch(place)
    port = int(parts["port"][1:]) if parts and parts["port"] else _PORTS[scheme]
    if parts is None or not 0 < port < 65536:
        raise ValueError(Message("must have a host name, and a port from 1 to 65535 if any"))
    path = quote((found["path"] or "").rstrip("/"), safe="/%:@!$&'()*+,;=-._~")
    address = WebAddress(scheme, _host(parts["host"]), port, path)
    if len(str(address)) > LONGEST:
        raise ValueError(at_most_characters(LONGEST))
    return address


def _host(text: str) -> str:
    if text.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(text[1:-1])}]"
        except ValueError:
            raise ValueError(Message("must have a valid host name")) from None
    host = text.lower() if text.isascii() else _ascii_name(text)
    labels = host.removesuffix(".").split(".")
    number = labels[-1].isdecimal() or labels[-1].startswith("0x")
    if len(host) > 253 or not all(map(_LABEL.fullmatch, labels)) or (number and ip_of(host) is None):
        raise ValueError(Message("must have a valid host name"))
    return host


def _ascii_name(text: str) -> str:
    import idna  # noqa: PLC0415 - most addresses need none of its tables

    try:
        return idna.encode(text, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise ValueError(Message("must have a valid host name")) from None


def _base(text: str) -> str:
    return str(parse_address(text))


def must_be_allowed(host: str) -> None:
    """Raise ``ValueError`` where nobody has business at that machine."""
    number = ip_of(host)
    if host in _METADATA_NAMES or (number is not None and is_forbidden(number)):
        raise ValueError(Message("must be an address that may be contacted"))


def secret_place(text: str) -> str:
    """``text`` as one that keys or photos may be sent to; raises ``ValueError`` with a ``Message``."""
    address = parse_address(text)
    must_be_allowed(address.host)
    if address.scheme != "https" and not address.is_near:
        raise ValueError(Message("must begin with https:// outside this machine and its local network"))
    return str(address)


# The base of addresses, kept in ASCII and without a slash at its end.
BaseAddress = Annotated[str, AfterValidator(_base)]
# One that keys or photos are sent to: encrypted wherever a stranger could listen.
SecretPlace = Annotated[str, AfterValidator(secret_place)]
