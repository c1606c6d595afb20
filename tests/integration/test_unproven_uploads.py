"""Uploads before their password: a booth may do it, a stranger fills nothing with them.

Each process counts those that came to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from appliance.ingest.unproven import PLACES_OF_ADDRESS
from tests.support.camera import BOUNDARY, Camera, Shot, file_part, read_body, read_head
from tests.support.logins import new_address
from tests.support.photos import portrait_jpeg
from tests.support.stack import Stack
from tests.support.waiting import until

NoTrace = Callable[[], Awaitable[bool]]
SIZE = 19_000_000
START = f"--{BOUNDARY}\r\n".encode() + file_part(portrait_jpeg())


@pytest.fixture
def stranger() -> str:
    """An address that nothing has called from before."""
    return new_address()


@asynccontextmanager
async def begun(stack: Stack, address: str, sent: bytes) -> AsyncIterator[asyncio.StreamReader]:
    """An upload that sends ``sent`` and then no more."""
    head = Camera(stack.port).head("/api/ingest/slot-001", SIZE).replace(b"Expect: 100-continue\r\n", b"")
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.port, local_addr=(address, 0))
    try:
        writer.write(head + sent)
        await writer.drain()
        yield reader
    finally:
        writer.transport.abort()


async def code_of(reader: asyncio.StreamReader) -> bytes:
    _status, headers = await asyncio.wait_for(read_head(reader), 20)
    return await read_body(reader, headers)


def kept(stack: Stack) -> int:
    """The bytes of uploads that lie on the disk."""
    return sum(photo.stat().st_size for folder in stack.temp_files() for photo in folder.iterdir())


async def test_a_photo_before_its_password_is_taken(camera: Camera, shot: Shot) -> None:
    shot.password_last = True
    assert (await camera.post("/api/ingest/slot-001?reply=json", shot)).status == 200


async def test_a_stranger_fills_the_disk_with_three_photos_at_most(
    stack: Stack, stranger: str, no_trace: NoTrace, app_processes: int
) -> None:
    photo = START + bytes(SIZE - len(START) - 1000)
    async with AsyncExitStack() as held:
        uploads = [
            await held.enter_async_context(begun(stack, stranger, photo)) for _ in range(4 * app_processes)
        ]
        answers = [asyncio.create_task(code_of(reader)) for reader in uploads]
        answered, others = await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
        for one in others:
            one.cancel()
        # Two that wait for the same bytes may both be told in the same moment; two go on at least.
        assert all(b"rate_limited" in one.result() for one in answered)
        await until(lambda: kept(stack) > 30_000_000, seconds=20)
        assert kept(stack) <= 60_000_000 * app_processes
    await until(no_trace, seconds=20)


async def test_a_stranger_who_sends_no_password_takes_a_few_places_and_no_booths(
    stack: Stack, stranger: str, camera: Camera, shot: Shot, no_trace: NoTrace, app_processes: int
) -> None:
    places = PLACES_OF_ADDRESS * app_processes
    async with AsyncExitStack() as held:
        for _ in range(places):
            await held.enter_async_context(begun(stack, stranger, START))
        await until(lambda: len(stack.temp_files()) >= places, seconds=20)
        one_more = await held.enter_async_context(begun(stack, stranger, START))
        assert b"rate_limited" in await code_of(one_more)
        assert (await camera.post("/api/ingest/slot-001?reply=json", shot)).status == 200
    await until(no_trace, seconds=20)
