"""How long ``/healthz`` takes, asked from a process of its own.

In the tests' own process it would wait for the booths and the stand-ins, which share one event loop.
"""

from __future__ import annotations

import asyncio
import http.client
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from tests.support.stack import CHECKOUT, Stack

EVERY = 0.1  # seconds between an answer and the next question


@asynccontextmanager
async def health_times(stack: Stack) -> AsyncIterator[list[float]]:
    """Ask again and again within the block; after it the list has the seconds of each answer."""
    times = list[float]()
    probe = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.chaos.health_probe", stack.url),
        cwd=CHECKOUT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**24,
    )  # fmt: skip
    try:
        yield times
    finally:
        printed, _ = await probe.communicate(b"")  # its standard input ends, and so does it
    assert probe.returncode == 0, "an answer was no 200"
    times += map(float, printed.split())


def main(url: str) -> None:
    """Print the seconds of each answer once the standard input has ended."""
    ended, times = threading.Event(), list[float]()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    while not ended.wait(EVERY):
        began = time.monotonic()
        line.request("GET", "/healthz")
        answer = line.getresponse()
        answer.read()
        if answer.status != http.client.OK:
            sys.exit(f"{answer.status} {answer.reason}")
        times.append(time.monotonic() - began)
    sys.stdout.write("\n".join(map(str, times)))


if __name__ == "__main__":
    main(sys.argv[1])
