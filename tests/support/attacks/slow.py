"""Attacks that hold connections: senders of a byte now and then, readers of none, heads of streams."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import Counter

from tests.support.attacks.wire import JSON, Attack, request
from tests.support.waiting import until

MULTIPART = "Content-Type: multipart/form-data; boundary=b"
# Begun, and never ended: a head, a form, a photo.
BEGINNINGS = (
    b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    b"POST /api/login HTTP/1.1\r\nHost: x\r\n" + JSON.encode() + b"\r\nContent-Length: 200000\r\n\r\n",
    b"POST /api/ingest/slot-001 HTTP/1.1\r\nHost: x\r\n"
    + MULTIPART.encode()
    + b"\r\nContent-Length: 20000000\r\n\r\n",
    b"POST /api/ingest/slot-001 HTTP/1.1\r\nHost: x\r\n"
    + MULTIPART.encode()
    + b"\r\nTransfer-Encoding: chunked\r\n\r\n",
)


async def slow_connections(attack: Attack) -> None:
    """``facts["connections"]`` at once, each sends a byte a second; one that is closed is opened again."""
    held: Counter[str] = Counter()

    async def hold(number: int) -> None:
        beginning = BEGINNINGS[number % len(BEGINNINGS)]
        while not attack.until or attack.goes_on:
            with contextlib.suppress(OSError):
                async with attack.connection() as (reader, writer):
                    held["now"] += 1
                    held["most"] = max(held["most"], held["now"])
                    try:
                        writer.write(beginning)
                        await _a_byte_a_second(attack, reader, writer)
                    finally:
                        held["now"] -= 1
            await asyncio.sleep(2)

    holders = [asyncio.create_task(hold(number)) for number in range(attack.facts["connections"])]
    # Those that are refused come again and again.
    await until(lambda: held["now"] > attack.facts["connections"] / 3, seconds=30)
    attack.begin()
    await asyncio.gather(*holders)
    attack.answers["held at once"] = held["most"]


async def _a_byte_a_second(
    attack: Attack, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    while not attack.until or attack.goes_on:
        writer.write(b"a")
        with contextlib.suppress(TimeoutError):
            said = await asyncio.wait_for(reader.readline(), 1)
            attack.answers[said.split()[1].decode() if b" " in said else "closed"] += 1
            return


async def slow_readers(attack: Attack) -> None:
    """Ask for pages and pictures, and read none of it."""

    async def hold(path: str) -> None:
        while attack.goes_on:
            with contextlib.suppress(OSError):
                async with attack.connection() as (_reader, writer):
                    writer.transport.pause_reading()
                    for _ in range(20):
                        writer.write(request("GET", path))
                    await asyncio.sleep(2)
                    attack.answers["held"] += 1

    attack.begin()
    await asyncio.gather(*(hold(path) for path in attack.facts["paths"] for _ in range(50)))


async def heads_of_streams(attack: Attack) -> None:
    """Ask for no more than the head of what goes on for ever, forty at once, from ten addresses."""
    numbers = itertools.count()
    requests = itertools.cycle([request("HEAD", path) for path in attack.facts["paths"]])

    async def ask() -> None:
        await attack.ask(next(requests), f"127.0.0.{40 + next(numbers) % 10}")
        await asyncio.sleep(0.5)  # what one address may ask for

    await attack.repeat(ask, 40)
