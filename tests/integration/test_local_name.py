"""The machine's .local name, asked for as a phone would."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from zeroconf import IPVersion
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from appliance.core.public_base import lan_address
from tests.support.stack import CHECKOUT, Stack
from tests.support.waiting import until

SERVICE = "_http._tcp.local."


@asynccontextmanager
async def announcing(stack: Stack, name: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """``appliance announce`` while the block runs; it must end well when it is told to."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "appliance", "announce", "--port", "18080", *arguments),
        cwd=CHECKOUT,
        env=stack.environment(PHOTOCHANGER_LOCAL_NAME=name),
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 15) == 0


async def asked(zeroconf: AsyncZeroconf, name: str) -> AsyncServiceInfo | None:
    """What the network says of the name."""
    info = AsyncServiceInfo(SERVICE, f"PhotoChanger {name}.{SERVICE}")
    return info if await info.async_request(zeroconf.zeroconf, 1000) else None


async def test_the_name_is_announced_with_the_machines_address_and_taken_back(stack: Stack) -> None:
    address = lan_address()
    if address is None:
        pytest.skip("this machine has no address in a network")
    name = f"booth-{uuid4().hex[:8]}"
    zeroconf = AsyncZeroconf(interfaces=[address])
    try:
        async with announcing(stack, name):
            info = await until(lambda: asked(zeroconf, name), seconds=20)
            assert info.server == f"{name}.local."
            assert info.parsed_addresses(IPVersion.V4Only) == [address]
            assert info.port == 18080
        assert await asked(zeroconf, name) is None
    finally:
        await zeroconf.async_close()


async def test_without_a_name_there_is_nothing_to_announce(stack: Stack) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "appliance", "announce", "--port", "18080"),
        cwd=CHECKOUT,
        env=stack.environment(),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    assert b"PHOTOCHANGER_LOCAL_NAME" in said
