"""A client for benches: one connection from one address, a request at a time, nothing in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

HOST = "127.0.0.1"


def address_of(number: int) -> str:
    """An address of the loopback: a client of its own behind Nginx."""
    return f"127.{100 + number // 250}.77.{number % 250 + 1}"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """A connection that is kept, and opened again when the other side closes it."""

    def __init__(self, port: int, address: str) -> None:
        self.port = port
        self.address = address
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str, accept: str = "*/*") -> Answer:
        """One request, answered."""
        for _ in range(2):
            try:
                return await self._get(path, accept)
            except (asyncio.IncompleteReadError, ConnectionError):
                self.close()
        raise ConnectionError(path)

    async def _get(self, path: str, accept: str) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection(HOST, self.port, local_addr=(self.address, 0))
        reader, writer = self._streams
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}:{self.port}\r\nAccept: {accept}\r\n\r\n".encode())
        status, headers = await read_head(reader)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("transfer-encoding") == "chunked":
            body = await _chunks(reader)
        if headers.get("connection") == "close":
            self.close()
        return Answer(status, headers, body)

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Status and headers."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:] if line)
    return int(lines[0].split()[1]), {name.lower(): value for name, value in headers.items()}


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    found = b""
    while size := int(await reader.readline(), 16):
        found += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return found


@asynccontextmanager
async def wires(port: int, count: int) -> AsyncIterator[list[Wire]]:
    """Connections from ``count`` addresses."""
    made = [Wire(port, address_of(number)) for number in range(count)]
    try:
        yield made
    finally:
        for wire in made:
            wire.close()
