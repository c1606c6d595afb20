"""Whether a guest's phone can use the address that links and QR codes begin with."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import httpx

from appliance.core.networks import machine_addresses
from appliance.guests.tokens import IDENTITY_PATH

FRESH_SECONDS = 60.0  # how long a finding is taken for granted where many look
_PATIENCE = 5.0  # seconds
_OTHER_PLACES = {"localhost", "app", "nginx", "db"}
AddressState = Literal[
    "fine",
    "own_machine",
    "not_for_phones",
    "no_such_name",
    "unreachable",
    "somebody_else",
    "no_certificate",
    "not_encrypted",
]


@dataclass(frozen=True, slots=True)
class AddressCheck:
    """What was found.

    ``own_machine``: the name means something else, or nothing, on a phone. ``not_for_phones``: an address
    of this machine in a VPN, between containers or the like. ``no_such_name``: nobody knows it here.
    ``unreachable``: nothing answers, seen from this machine. ``somebody_else``: what answers is not this
    appliance. ``no_certificate``: phones will warn of its certificate. ``not_encrypted``: https, but what
    answers speaks plain http. ``detail`` is a status or the kind of failure.
    """

    base: str
    state: AddressState
    detail: str = ""

    @property
    def host(self) -> str:
        """The name or address without scheme and port."""
        return _host(self.base)


def _host(base: str) -> str:
    try:
        return (urlsplit(base).hostname or "").strip("[]")
    except ValueError:  # a bracket that is not closed
        return ""


class Addresses:
    """Looks at bases of links; ``identity`` is what this appliance answers with at ``IDENTITY_PATH``."""

    def __init__(self, identity: str) -> None:
        self._identity = identity
        self._found: dict[str, tuple[float, AddressCheck]] = {}

    async def known(self, base: str) -> AddressCheck:
        """Like ``check``, looked at no more often than every ``FRESH_SECONDS``."""
        at, found = self._found.get(base, (0.0, None))
        if found is None or time.monotonic() - at > FRESH_SECONDS:
            found = await self.check(base)
            if len(self._found) > 20:
                self._found.clear()
            self._found[base] = time.monotonic(), found
        return found

    async def check(self, base: str) -> AddressCheck:
        """Look at the name, then ask who is there as a guest's phone would; never raises."""
        try:
            host = _host(base)
            async with asyncio.timeout(_PATIENCE):
                if host in _OTHER_PLACES or not {".", ":"} & set(host) or await _is_the_phone_itself(host):
                    return AddressCheck(base, "own_machine")
                if any(one.address == host and one.problem for one in machine_addresses()):
                    return AddressCheck(base, "not_for_phones")
                return await self._ask(base)
        except socket.gaierror:
            return AddressCheck(base, "no_such_name")
        except (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            return AddressCheck(base, "unreachable", type(error).__name__)

    async def _ask(self, base: str) -> AddressCheck:
        try:
            answer = await _fetch(base, ssl.create_default_context())
        except httpx.ConnectError as error:
            refused = _tls_failure(error)
            if refused is None:
                raise
            if not isinstance(refused, ssl.SSLCertVerificationError):
                return AddressCheck(base, "not_encrypted")
            found = self._told(base, await _fetch(base, _trusting()))
            return AddressCheck(base, "no_certificate") if found.state == "fine" else found
        return self._told(base, answer)

    def _told(self, base: str, answer: httpx.Response) -> AddressCheck:
        if answer.status_code == 200 and answer.text == self._identity:
            return AddressCheck(base, "fine")
        return AddressCheck(base, "somebody_else", str(answer.status_code))


async def _fetch(base: str, tls: ssl.SSLContext) -> httpx.Response:
    async with httpx.AsyncClient(timeout=_PATIENCE, verify=tls, trust_env=False) as client:
        return await client.get(base + IDENTITY_PATH)


def _trusting() -> ssl.SSLContext:
    """Only to see who is there: nothing secret is sent."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _tls_failure(error: BaseException | None) -> ssl.SSLError | None:
    """Why there was no encrypted line, if that is the reason."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return error
        error = error.__cause__ or error.__context__
    return None


async def _is_the_phone_itself(host: str) -> bool:
    found = await asyncio.get_running_loop().getaddrinfo(host, None)
    addresses = [ipaddress.ip_address(str(item[4][0]).partition("%")[0]) for item in found]
    return any(address.is_loopback or address.is_unspecified for address in addresses)
