"""Clients that send slowly, say nothing, or never read: a fast booth does not notice them."""

from __future__ import annotations

import asyncio
import socket
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest

from tests.chaos.booths import Booths
from tests.chaos.conftest import Note
from tests.support.camera import Camera, Shot
from tests.support.logins import new_address
from tests.support.photos import portrait_jpeg
from tests.support.stack import Stack
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(600)
SLOT = "slot-001"
PHOTOS = {True: 30, False: 5}  # for each of the medians that are compared, in the long form and the short one
NOTICED = 1.2  # times as long
UPLOADS, IDLE, DEAF, HALF_OPEN = 50, 1000, 50, 50


@asynccontextmanager
async def connection(stack: Stack, said: bytes = b"") -> AsyncIterator[asyncio.StreamWriter]:
    """One from an address of its own that says ``said`` and no more, and of which nothing is read."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # what it does not read, nobody keeps for it
    line.setblocking(False)
    line.bind((new_address(), 0))
    await asyncio.get_running_loop().sock_connect(line, ("127.0.0.1", stack.port))
    reader, writer = await asyncio.open_connection(sock=line, limit=1)
    try:
        writer.write(said)
        yield writer
    finally:
        writer.transport.abort()
        reader.feed_eof()


async def dribble(writer: asyncio.StreamWriter, body: bytes, sent: list[int]) -> None:
    """One kB a second, for as long as it is taken."""
    with suppress(ConnectionError):
        for start in range(0, len(body), 1000):
            writer.write(body[start : start + 1000])
            await writer.drain()
            sent.append(1000)
            await asyncio.sleep(1)


async def photo_takes(booths: Booths, count: int) -> float:
    """Seconds, the median of so many; each gets its picture at the first try."""
    times = []
    for _ in range(count):
        began = time.monotonic()
        sent = await booths.post(SLOT)
        assert sent.statuses == [200], sent
        times.append(time.monotonic() - began)
    return statistics.median(times)


async def test_slow_silent_idle_and_deaf_clients_are_not_noticed_by_a_fast_booth(
    house: Stack, minutes: float, note: Note
) -> None:
    booths = Booths(house, portrait_jpeg())
    picture = await booths.post(SLOT)
    body = Shot(portrait_jpeg(), booths.password).body()
    head = Camera(house.port).head("/api/ingest/slot-003?reply=json", len(body))
    asks = f"GET /public/results/{picture.job_id} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 2
    count = PHOTOS[bool(minutes)]
    before = await photo_takes(booths, count)
    sent: list[int] = []
    async with AsyncExitStack() as others, asyncio.TaskGroup() as group:
        slow = [
            group.create_task(dribble(await others.enter_async_context(connection(house, head)), body, sent))
            for _ in range(UPLOADS)
        ]
        for said, how_many in ((b"", IDLE), (b"GET / HTTP/1.1\r\nHos", HALF_OPEN), (asks, DEAF)):
            for _ in range(how_many):
                await others.enter_async_context(connection(house, said))
        await until(lambda: len(sent) > 3 * UPLOADS, seconds=60)  # what they asked for is on its way
        beside = await photo_takes(booths, count)
        for task in slow:
            task.cancel()
    alone = statistics.mean((before, await photo_takes(booths, count)))
    note(f"a photo takes {alone:.3f} s alone, {beside:.3f} s beside them: {beside / alone:.2f} times")
    if minutes:
        assert beside / alone <= NOTICED
