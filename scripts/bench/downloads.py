#!/usr/bin/env python3
"""Two hundred guests save their picture at once, over links as phones have them.

    .venv/bin/python scripts/bench/downloads.py [--guests 200] [--megabits 12] [--latency-ms 80]

Starts the whole appliance. Every guest, from an address of their own, downloads a picture of 3 MB, reads
it no faster than the link, loses the connection after a third, and goes on with `Range` and `If-Range`.
The same is done by one guest alone, in the same run: the ratio says what the crowd costs. Every picture
is compared with the original.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.bench._wire import HOST, address_of, read_head
from tests.support.camera import Camera, Shot
from tests.support.photos import portrait_jpeg
from tests.support.stack import Stack, running_stack

SIZE = 3_000_000
PIECE = 32_768
AIM_SECONDS = 1.0


@dataclass(frozen=True)
class Link:
    """A phone's line: how fast it is, and how long a question is under way, there and back."""

    bytes_per_second: float
    latency: float
    address: str = HOST


@dataclass(frozen=True)
class Saved:
    """One guest's download."""

    start: float  # seconds to the first byte
    resumed: float  # the same after the broken connection
    whole: float
    right: bool


async def fetch(port: int, path: str, link: Link, headers: str, most: int) -> tuple[bytes, float, str]:
    """At most so many bytes of an answer, the seconds to its first one, and its ETag."""
    since = time.monotonic()
    await asyncio.sleep(link.latency * 1.5)  # the handshake, and the question on its way
    reader, writer = await asyncio.open_connection(HOST, port, limit=PIECE, local_addr=(link.address, 0))
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n{headers}\r\n".encode())
        status, found = await read_head(reader)
        if status not in (200, 206):
            raise RuntimeError(f"answered {status}")
        got = bytearray(await reader.read(PIECE))
        await asyncio.sleep(link.latency / 2)
        first = time.monotonic()
        while len(got) < most and (piece := await reader.read(PIECE)):
            got += piece
            ahead = len(got) / link.bytes_per_second - (time.monotonic() - first)
            await asyncio.sleep(max(0.0, ahead))
        return bytes(got), first - since, found["etag"]
    finally:
        writer.transport.abort()


async def save(stack: Stack, path: str, digest: str, link: Link) -> Saved:
    """Download, lose the line, go on."""
    since = time.monotonic()
    begun, start, etag = await fetch(stack.port, path, link, "", SIZE // 3)
    going_on = f"Range: bytes={len(begun)}-\r\nIf-Range: {etag}\r\n"
    rest, resumed, _ = await fetch(stack.port, path, link, going_on, SIZE)
    right = hashlib.sha256(begun + rest).hexdigest() == digest
    return Saved(start, resumed, time.monotonic() - since, right)


async def picture(stack: Stack) -> tuple[str, str]:
    """A picture of 3 MB that is there: its path, and its digest."""
    shot = Shot(portrait_jpeg(), stack.report["passwords"]["ingest"])
    job = (await Camera(stack.port).post("/api/ingest/slot-002", shot)).headers["x-job-id"]
    content = os.urandom(SIZE)
    (stack.media / (await stack.row(job))["result_key"]).write_bytes(content)
    return f"/public/results/{job}", hashlib.sha256(content).hexdigest()


def line(name: str, seconds: list[float]) -> None:
    """One row of the table."""
    worst = max(seconds)
    tail = statistics.quantiles(seconds, n=20)[-1] if len(seconds) > 1 else worst
    print(f"{name:<34}{statistics.median(seconds):>9.3f}{tail:>9.3f}{worst:>9.3f}")


async def main(guests: int, link: Link) -> int:
    """Measure and print; the exit code is 1 when a picture was wrong or began too late."""
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder) / "data") as stack:
        path, digest = await picture(stack)
        await save(stack, path, digest, link)  # warm
        alone = [await save(stack, path, digest, link) for _ in range(3)]
        phones = [replace(link, address=address_of(number)) for number in range(guests)]
        together = await asyncio.gather(*(save(stack, path, digest, phone) for phone in phones))
    print(f"{link.bytes_per_second * 8 / 1e6:.0f} Mbit/s, {link.latency * 1000:.0f} ms there and back")
    print(f"{'seconds':<34}{'median':>9}{'95 %':>9}{'worst':>9}")
    for name, group in (("one guest", alone), (f"{guests} guests at once", together)):
        line(f"{name}: first byte", [one.start for one in group])
        line(f"{name}: first byte, resumed", [one.resumed for one in group])
        line(f"{name}: whole picture", [one.whole for one in group])
    ratio = statistics.median(one.whole for one in together) / statistics.median(one.whole for one in alone)
    wrong = sum(not one.right for one in together)
    start = max(max(one.start, one.resumed) for one in alone)
    print(f"the crowd costs a factor of {ratio:.2f}; {wrong} of {guests} pictures differ from the original")
    print(f"one guest's download starts after {start:.3f} s at the latest (aim: under {AIM_SECONDS:.0f})")
    return 0 if not wrong and start < AIM_SECONDS else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--guests", type=int, default=200)
    parser.add_argument("--megabits", type=float, default=12)
    parser.add_argument("--latency-ms", type=float, default=80)
    arguments = parser.parse_args()
    phone = Link(arguments.megabits * 1e6 / 8, arguments.latency_ms / 1000)
    sys.exit(asyncio.run(main(arguments.guests, phone)))
