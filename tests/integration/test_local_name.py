"""The machine's .local name, asked for as a phone would."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from tests.support.multicast import phone
from tests.support.stack import CHECKOUT, Stack
from tests.support.waiting import until


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


async def test_the_name_is_announced_with_the_machines_address_and_taken_back(stack: Stack) -> None:
    name = f"booth-{uuid4().hex[:8]}"
    async with phone() as asking:
        async with announcing(stack, name):
            info = await until(lambda: asking.service(name), seconds=20)
            assert info.server == f"{name}.local."
            assert info.port == 18080
            assert await asking.addresses(name) == [asking.address]
        assert await asking.service(name) is None


async def test_a_name_that_another_machine_has_is_left_to_it_until_it_has_gone(stack: Stack) -> None:
    name, other = f"booth-{uuid4().hex[:8]}", "10.9.9.9"
    async with phone() as asking:
        async with asking.neighbour(name, other), announcing(stack, name) as process:
            assert process.stderr
            said = json.loads(await asyncio.wait_for(process.stderr.readline(), 20))
            assert (said["event"], said["by"]) == ("announce.name_taken", [other])
            assert await asking.addresses(name) == [other]
        async with announcing(stack, name):
            info = await until(lambda: asking.service(name), seconds=20)
            assert await asking.addresses(name) == [asking.address]
            assert info.server == f"{name}.local."


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
