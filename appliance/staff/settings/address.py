"""Whether a guest's phone can use the address that links and QR codes begin with."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import httpx

from appliance.core.networks import machine_addresses
from appliance.core.web_address import IpAddress, WebAddress, ip_of, is_forbidden, parse_address
from appliance.guests.tokens import IDENTITY_PATH

FRESH_SECONDS = 60.0  # how long a finding is taken for granted where many look
STARTING_SECONDS = 3.0  # the same of somebody else: while the app starts, Nginx answers in its place
_PATIENCE = 8.0  # seconds; a lookup whose question or answer was lost on the way is repeated after five
_MOST_NUMBERS = 4  # of one name that are asked
_OTHER_PLACES = {"localhost", "app", "nginx", "db"}
AddressState = Literal[
    "fine",
    "own_machine",
    "not_for_phones",
    "nobodys",
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
    of this machine in a VPN, between containers or the like. ``nobodys``: it is, or leads to, an address
    at which no machine of a guest's network can be, and it was not asked. ``no_such_name``: nobody knows
    it here. ``unreachable``: nothing answers, seen from this machine. ``somebody_else``: what answers is
    not this appliance. ``no_certificate``: phones will warn of its certificate. ``not_encrypted``: https,
    but what answers speaks plain http. ``detail`` is the kind of failure; of somebody else nothing is
    told, not even the status.
    """

    base: str
    state: AddressState
    detail: str = ""

    @property
    def host(self) -> str:
        """The name or address without scheme and port."""
        try:
            return parse_address(self.base).host.strip("[]")
        except ValueError:
            return ""


class Addresses:
    """Looks at bases of links; ``identity`` is what this appliance answers with at ``IDENTITY_PATH``."""

    def __init__(self, identity: str) -> None:
        self._identity = identity
        self._found: dict[str, tuple[float, AddressCheck]] = {}

    async def known(self, base: str) -> AddressCheck:
        """Like ``check``, looked at no more often than every ``FRESH_SECONDS`` (``STARTING_SECONDS``)."""
        at, found = self._found.get(base, (0.0, None))
        fresh = STARTING_SECONDS if found and found.state == "somebody_else" else FRESH_SECONDS
        if found is None or time.monotonic() - at > fresh:
            found = await self.check(base)
            if len(self._found) > 20:
                self._found.clear()
            self._found[base] = time.monotonic(), found
        return found

    async def check(self, base: str) -> AddressCheck:
        """Look at the name, then ask who is there as a guest's phone would; never raises."""
        try:
            address = parse_address(base)
            host = address.host.strip("[]")
            async with asyncio.timeout(_PATIENCE):
                if host in _OTHER_PLACES or not {".", ":"} & set(host):
                    return AddressCheck(base, "own_machine")
                numbers = await _numbers(host)
                if problem := _problem(host, numbers):
                    return AddressCheck(base, problem)
                return await self._ask(
                    base, _ResolvedAddress(address, tuple(map(str, numbers[:_MOST_NUMBERS])))
                )
        except socket.gaierror:
            return AddressCheck(base, "no_such_name")
        except (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            return AddressCheck(base, "unreachable", type(error).__name__)

    async def _ask(self, base: str, resolved: _ResolvedAddress) -> AddressCheck:
        try:
            answer = await _fetch(resolved, ssl.create_default_context())
        except httpx.ConnectError as error:
            refused = tls_failure(error)
            if refused is None:
                raise
            if not isinstance(refused, ssl.SSLCertVerificationError):
                return AddressCheck(base, "not_encrypted")
            found = self._told(base, await _fetch(resolved, _trusting()))
            return AddressCheck(base, "no_certificate") if found.state == "fine" else found
        return self._told(base, answer)

    def _told(self, base: str, answer: httpx.Response) -> AddressCheck:
        if answer.status_code == 200 and answer.text == self._identity:
            return AddressCheck(base, "fine")
        return AddressCheck(base, "somebody_else")


@dataclass(frozen=True, slots=True)
class _ResolvedAddress:
    """Whom to ask, at the numbers that were looked at: a second look-up may say others."""

    address: WebAddress
    numbers: tuple[str, ...]


async def _fetch(resolved: _ResolvedAddress, tls: ssl.SSLContext) -> httpx.Response:
    """The answer of the first number at which somebody is."""
    url = httpx.URL(str(resolved.address) + IDENTITY_PATH)
    failed: httpx.ConnectError | None = None
    async with httpx.AsyncClient(timeout=_PATIENCE, verify=tls, trust_env=False) as client:
        for number in resolved.numbers:
            try:
                return await client.get(
                    url.copy_with(host=number),
                    headers={"Host": url.netloc.decode("ascii")},
                    # The certificate is checked against the name, not the number.
                    extensions={"sni_hostname": resolved.address.host.strip("[]")},
                )
            except httpx.ConnectError as error:
                if tls_failure(error):
                    raise
                failed = error
    raise failed or socket.gaierror


def _trusting() -> ssl.SSLContext:
    """Only to see who is there: nothing secret is sent."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def tls_failure(error: BaseException | None) -> ssl.SSLError | None:
    """Why there was no encrypted line, if that is the reason."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _problem(host: str, numbers: Sequence[IpAddress]) -> AddressState | None:
    """Why ``host``, which leads to ``numbers``, need not be asked."""
    if any(number.is_loopback or number.is_unspecified for number in numbers):
        return "own_machine"
    if any(map(is_forbidden, numbers)):
        return "nobodys"
    own = any(one.address == host and one.problem for one in machine_addresses())
    return "not_for_phones" if own else None


async def _numbers(host: str) -> list[IpAddress]:
    """What ``host`` is, or leads to here; raises ``socket.gaierror`` where that is nothing."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [number for item in found if (number := ip_of(str(item[4][0]))) is not None]
