"""The doctor's questions to the world: names, addresses, clocks, keys."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

from appliance.core.clock import utcnow
from appliance.lifecycle.doctor.findings import Finding, State
from appliance.providers.key_tests import ask_provider
from appliance.providers.keys import KeySource, ends_in
from appliance.providers.registry import ProviderRegistry
from appliance.staff.issues.sources.clock import MOST_SECONDS
from appliance.staff.settings.address import Addresses, AddressState

_PATIENCE = 8.0
_WHERE = "admin pages, Settings, Provider keys"


class Use(NamedTuple):
    """The active slots that ask a provider first, and those of them that have no fallback."""

    slots: int = 0
    alone: int = 0


async def providers(
    registry: ProviderRegistry, addresses: Mapping[str, str], keys: KeySource, used: Mapping[str, Use]
) -> list[Finding]:
    """Every provider that an active slot uses or that has a key; then the clock, if one told us the time."""
    wanted = [
        name
        for name in addresses
        if used.get(name) or keys.keys(name) or keys.unreadable(name) or keys.elsewhere(name)
    ]
    skews: list[float] = []
    asked = await asyncio.gather(
        *(_provider(registry, name, addresses[name], keys, used.get(name, Use()), skews) for name in wanted)
    )
    answers = [answer for several in asked for answer in several]
    if skews:
        answers.append(_clock(min(skews, key=abs)))
    else:
        do = "Look whether the machine's time and date are right; nobody answered to compare them with."
        answers.append(Finding("clock", State.WARNING, f"says {utcnow():%Y-%m-%d %H:%M} UTC", do))
    return answers


async def _provider(
    registry: ProviderRegistry,
    name: str,
    address: str,
    source: KeySource,
    use: Use,
    skews: list[float],
) -> list[Finding]:
    """Reached at all, by name and by HTTP; then each key, or that there is none."""
    bad, keys = State.BAD if use.alone else State.WARNING, source.keys(name)
    lost = _unusable(name, source, State.WARNING if keys else bad)
    needs_key = name not in registry.names or registry.driver(name).needs_key
    if needs_key and not keys and not lost:
        do = f"Enter one: {_WHERE}. Or put it into the secret file provider-keys/{name}."
        said = f"there is none, and {use.slots} active {'slot needs' if use.slots == 1 else 'slots need'} it"
        if not use.alone:
            said += "; fallbacks make their pictures"
        lost = [Finding(f"{name} key", bad, said, do)]
    try:
        since = time.monotonic()
        skews.append(await _ask(address))
        reached = Finding(
            name, State.OK, f"reached at {address} in {(time.monotonic() - since) * 1000:.0f} ms"
        )
    except socket.gaierror:
        do = "Check the machine's DNS, or set PROVIDER_BASE_URLS to a proxy of the venue."
        return [Finding(name, bad, f"{urlsplit(address).hostname} cannot be resolved here", do), *lost]
    except (OSError, httpx.HTTPError, TimeoutError) as error:
        do = "Check the way to the internet: cable, firewall, HTTPS_PROXY."
        if not needs_key:
            do = "Check that this machine is on, that its program listens to the network, and the address."
        return [Finding(name, bad, f"{address} cannot be reached ({type(error).__name__})", do), *lost]
    return [reached, *[await _key(registry, name, key, bad) for key in keys], *lost]


def _unusable(name: str, source: KeySource, state: State) -> list[Finding]:
    """Keys that were encrypted with an encryption key that is not here, or entered for another address."""
    counted = {
        "cannot be read: encrypted with another encryption key": source.unreadable(name),
        "set aside: entered for another address of the provider": source.elsewhere(name),
    }
    do = f"Enter them again: {_WHERE}."
    return [Finding(f"{name} key", state, f"{count} {said}", do) for said, count in counted.items() if count]


async def _ask(address: str) -> float:
    """Resolve and ask; by how many seconds our clock is ahead of the answer's."""
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    async with asyncio.timeout(_PATIENCE):
        await asyncio.get_running_loop().getaddrinfo(parts.hostname, port)
        async with httpx.AsyncClient(timeout=_PATIENCE) as client:
            answer = await client.head(address)
    said = answer.headers.get("date")
    return (utcnow() - parsedate_to_datetime(said)).total_seconds() if said else 0.0


async def _key(registry: ProviderRegistry, name: str, key: str, bad: State) -> Finding:
    what = f"{name} key {ends_in(key)}"
    tested = await ask_provider(registry.driver(name), key, seconds=_PATIENCE)
    word = f" ({tested.reason})" if tested.reason else ""
    match tested.outcome:
        case "works":
            return Finding(what, State.OK, "accepted")
        case "unproven":
            return Finding(what, State.OK, "not refused; only a paid picture would prove more")
        case "refused":
            do = f"Enter a valid one: {_WHERE}. Look at the provider's account."
            return Finding(what, bad, f"is not accepted{word}", do)
        case "no_quota":
            return Finding(
                what, State.WARNING, f"has no quota left{word}", "Pay, wait, or enter another key."
            )
        case "not_served":
            do = "Look at the provider's account, or connect through a proxy (HTTPS_PROXY)."
            return Finding(what, bad, f"is not served: the key may be good{word}", do)
        case _:
            return Finding(what, State.WARNING, f"could not be tested{word}", "Try again later.")


def _clock(skew: float) -> Finding:
    said = f"{abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'} of the providers"
    if abs(skew) < MOST_SECONDS:
        return Finding("clock", State.OK, said)
    return Finding("clock", State.BAD, said, "Set the machine's clock: timedatectl set-ntp true")


_SET_IT = "Set the public base URL to this machine's address in the guests' network."
_CERTIFICATE = "Use http:// for guests, or a certificate of a public authority."
_ELSEWHERE = "Open it on a phone in the guests' network: from inside, some routers do not show it."
# By what was found: the state, what is said, what to do.
_ADDRESSES: Mapping[AddressState, tuple[State, str, str]] = {
    "fine": (State.OK, "{base}", ""),
    "own_machine": (State.BAD, "{base} means nothing on a guest's phone", _SET_IT),
    "not_for_phones": (State.WARNING, "{base} is in a VPN, between containers or not connected", _SET_IT),
    "nobodys": (State.BAD, "{base} is an address at which no machine can be", _SET_IT),
    "no_such_name": (State.BAD, "{host} cannot be resolved here", _SET_IT),
    "unreachable": (State.WARNING, "{base} cannot be reached from here ({detail})", _ELSEWHERE),
    "somebody_else": (State.WARNING, "what answers at {base} is not this appliance", _SET_IT),
    "no_certificate": (State.WARNING, "phones will warn of the certificate of {base}", _CERTIFICATE),
    "not_encrypted": (State.BAD, "{base} answers without encryption", "Begin it with http:// instead."),
}


async def public_address(base: str | None, identity: str) -> Finding:
    """Whether a guest's phone can use the address that the QR codes hold, and finds this appliance there."""
    what = "address in QR codes"
    if base is None:
        said = "that under which booths reach the appliance; the dashboard says if phones cannot use it"
        return Finding(what, State.OK, said)
    found = await Addresses(identity).check(base)
    state, said, do = _ADDRESSES[found.state]
    return Finding(what, state, said.format(base=base, host=found.host, detail=found.detail), do)
