"""The machine's ``.local`` name: announced by multicast DNS, so that phones and booths find it without
an address. Only where it is wanted, and only inside the local network.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Sequence

import structlog
from zeroconf import (  # type: ignore[attr-defined] # its ``__all__`` leaves the resolver out
    AddressResolver,
    IPVersion,
    ServiceInfo,
)
from zeroconf.asyncio import AsyncZeroconf

from appliance.core.networks import lan_address
from appliance.core.tasks import wait_for_event

log = structlog.get_logger()

_SERVICE = "_http._tcp.local."
_LOOK_EVERY = 5.0  # seconds: cables are plugged in later, and addresses change
# Milliseconds. Who takes a name asks for 750 before (RFC 6762, 8.1); Wi-Fi loses and delays multicast.
_ANSWERS_WITHIN = 3000


class NameTaken(Exception):
    """Another machine in the network has this name, at ``addresses``: phones would find either."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self.addresses = list(addresses)
        super().__init__(*self.addresses)


class Announcer:
    """Announces one name for as long as it is open."""

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        self._port = port
        self._zeroconf: AsyncZeroconf | None = None

    async def open(self, addresses: Sequence[str]) -> None:
        """Answer questions for the name with ``addresses``, on the networks that these belong to.

        Raises ``NameTaken``.
        """
        self._zeroconf = AsyncZeroconf(interfaces=list(addresses))
        asked = AddressResolver(f"{self.name}.local.")
        await asked.async_request(self._zeroconf.zeroconf, _ANSWERS_WITHIN)
        found = asked.parsed_addresses(IPVersion.V4Only)
        if found and not set(found) & set(addresses):
            raise NameTaken(found)
        await self._zeroconf.async_register_service(
            ServiceInfo(
                _SERVICE,
                f"PhotoChanger {self.name}.{_SERVICE}",
                port=self._port,
                server=f"{self.name}.local.",
                addresses=[socket.inet_aton(address) for address in addresses],
                properties={"path": "/"},
            ),
            allow_name_change=True,
        )
        log.info("announce.open", name=f"{self.name}.local", port=self._port, addresses=list(addresses))

    async def close(self) -> None:
        """Take the name back, with a word to everybody who heard it."""
        if self._zeroconf is not None:
            zeroconf, self._zeroconf = self._zeroconf, None
            await zeroconf.async_unregister_all_services()
            await zeroconf.async_close()


async def run(name: str, port: int, address: str | None = None) -> int:
    """Announce until SIGTERM or SIGINT; begins anew when the machine's address changes.

    ``address`` is announced in place of the one that phones in the room reach.
    """
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    announcer, announced = Announcer(name, port), None
    try:
        while not stop.is_set():
            found = address or lan_address()
            if found != announced:
                await announcer.close()
                announced = await _opened(announcer, found)
            await wait_for_event(stop, _LOOK_EVERY)
    finally:
        await announcer.close()
    return 0


async def _opened(announcer: Announcer, address: str | None) -> str | None:
    """The address that is announced now; ``None``: there is no network, it refuses, or another machine has
    the name. It is tried again.
    """
    if address is None:
        return None
    try:
        await announcer.open([address])
    except OSError as error:
        log.warning("announce.refused", address=address, error=str(error))
        await announcer.close()
        return None
    except NameTaken as taken:
        log.warning("announce.name_taken", name=f"{announcer.name}.local", by=taken.addresses)
        await announcer.close()
        return None
    return address
