"""A phone that looks for names in its network, by multicast DNS."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from zeroconf import AddressResolver, IPVersion, ServiceInfo
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from appliance.core.networks import lan_address

SERVICE = "_http._tcp.local."


class Phone:
    """Asks the network; ``address`` is the machine's own in it."""

    def __init__(self, zeroconf: AsyncZeroconf, address: str) -> None:
        self.address = address
        self._zeroconf = zeroconf.zeroconf

    @asynccontextmanager
    async def neighbour(self, name: str, address: str) -> AsyncIterator[None]:
        """Another machine in the network that is called ``name``, within the block."""
        there = AsyncZeroconf(interfaces=[self.address])
        held = [socket.inet_aton(address)]
        service = ServiceInfo(SERVICE, f"{name}.{SERVICE}", port=80, server=f"{name}.local.", addresses=held)
        await there.async_register_service(service)
        try:
            yield
        finally:
            await there.async_unregister_all_services()
            await there.async_close()

    async def service(self, name: str) -> AsyncServiceInfo | None:
        """What the network says of the appliance called ``name``."""
        info = AsyncServiceInfo(SERVICE, f"PhotoChanger {name}.{SERVICE}")
        return info if await info.async_request(self._zeroconf, 1000) else None

    async def addresses(self, name: str) -> list[str]:
        """The addresses of ``name.local``, as a browser asks for them."""
        asked = AddressResolver(f"{name}.local.")
        await asked.async_request(self._zeroconf, 1000)
        return asked.parsed_addresses(IPVersion.V4Only)


@asynccontextmanager
async def phone() -> AsyncIterator[Phone]:
    """A phone in the machine's network; the test is skipped where there is none."""
    address = lan_address()
    if address is None:
        pytest.skip("this machine has no address in a network")
    zeroconf = AsyncZeroconf(interfaces=[address])
    try:
        yield Phone(zeroconf, address)
    finally:
        await zeroconf.async_close()
