"""Raw connections of an attacker, who keeps to no protocol."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

PATIENCE = 20  # seconds that an attacker waits for an answer
STRANGER = "127.0.0.9"
BROKEN = "broken"  # the connection ended without an answer


@dataclass
class Attack:
    """Where it goes, for how long, and what was answered."""

    port: int
    seconds: float
    facts: dict[str, Any] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    until: float = 0.0
    prepared: float = 0.0  # seconds of processor time before it began

    def begin(self) -> None:
        """The attack is under way; from now on it takes its seconds."""
        self.until = time.monotonic() + self.seconds
        self.prepared = time.process_time()
        print("begun", flush=True)  # noqa: T201 - whoever started this process waits for it

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self.until

    @contextlib.asynccontextmanager
    async def connection(
        self, address: str = STRANGER
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address, 0))
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def ask(self, request: bytes, address: str = STRANGER) -> str:
        """Send ``request`` on a connection of its own; the status that came back is counted."""
        status = BROKEN
        with contextlib.suppress(OSError, EOFError, TimeoutError, IndexError):
            async with self.connection(address) as (reader, writer):
                writer.write(request)
                line = await asyncio.wait_for(reader.readline(), PATIENCE)
                status = line.split()[1].decode()
        self.answers[status] += 1
        return status

    async def repeat(self, what: Callable[[], Awaitable[object]], times: int) -> None:
        """``what`` again and again, ``times`` at once."""

        async def one() -> None:
            while self.goes_on:
                await what()

        self.begin()
        await asyncio.gather(*(one() for _ in range(times)))


def request(method: str, path: str, body: bytes = b"", *headers: str) -> bytes:
    """A request as a program would send it."""
    lines = [f"{method} {path} HTTP/1.1", "Host: photobox", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


JSON = "Content-Type: application/json"
