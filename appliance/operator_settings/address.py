"""Whether a guest's phone can use the address that links and QR codes begin with."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import httpx

_PATIENCE = 5.0  # seconds
_OTHER_PLACES = {"localhost", "app", "nginx", "db"}
AddressState = Literal["fine", "own_machine", "no_such_name", "unreachable", "somebody_else"]


@dataclass(frozen=True, slots=True)
class AddressCheck:
    """What was found.

    ``own_machine``: the name means something else, or nothing, on a phone. ``no_such_name``: nobody
    knows it here. ``unreachable``: nothing answers, seen from this machine. ``somebody_else``: what
    answers is not this appliance. ``detail`` is a status or the kind of failure.
    """

    base: str
    state: AddressState
    detail: str = ""

    @property
    def host(self) -> str:
        """The name or address without scheme and port."""
        return _host(self.base)


def _host(base: str) -> str:
    return (urlsplit(base).hostname or "").strip("[]")


async def check_address(base: str) -> AddressCheck:
    """Look at the name, then ask for ``/healthz`` as a guest's phone would; never raises."""
    try:
        host = _host(base)
        async with asyncio.timeout(_PATIENCE):
            if host in _OTHER_PLACES or not {".", ":"} & set(host) or await _is_the_phone_itself(host):
                return AddressCheck(base, "own_machine")
            async with httpx.AsyncClient(timeout=_PATIENCE, verify=False) as client:  # noqa: S501 - is it there?
                answer = await client.get(f"{base}/healthz")
    except socket.gaierror:
        return AddressCheck(base, "no_such_name")
    except (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        return AddressCheck(base, "unreachable", type(error).__name__)
    if answer.status_code != 200:
        return AddressCheck(base, "somebody_else", str(answer.status_code))
    return AddressCheck(base, "fine")


async def _is_the_phone_itself(host: str) -> bool:
    found = await asyncio.get_running_loop().getaddrinfo(host, None)
    addresses = [ipaddress.ip_address(str(item[4][0]).partition("%")[0]) for item in found]
    return any(address.is_loopback or address.is_unspecified for address in addresses)
