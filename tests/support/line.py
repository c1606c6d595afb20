"""The line between the appliance and its database, which a test may cut and mend."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy.engine import URL, make_url

from tests.support.stack import Stack

STARTING = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"


@dataclass
class Line:
    """Carries bytes to a port of this machine, and back. ``refused`` counts those it sent away."""

    target: int
    state: Literal["whole", "cut", "silent", "starting", "mute"] = "whole"
    refused: int = 0
    _open: list[asyncio.StreamWriter] = field(default_factory=list)

    def cut(self) -> None:
        """Break every connection; new ones break at once."""
        self.state = "cut"
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()

    def silence(self) -> None:
        """Break every connection; new ones are taken and never answered."""
        self.cut()
        self.state = "silent"

    def mute(self) -> None:
        """What the database is told still arrives; its answers do not."""
        self.state = "mute"

    def restart(self) -> None:
        """Break every connection; new ones hear what PostgreSQL says while it starts."""
        self.cut()
        self.state = "starting"

    def mend(self) -> None:
        """Carry again."""
        self.state = "whole"

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.append(writer)
        if self.state == "cut":
            self.refused += 1
            writer.transport.abort()
        if self.state == "starting":
            self.refused += 1
            await _say_starting(reader, writer)
        if self.state != "whole":
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        self._open.append(far_writer)
        await asyncio.gather(
            _pass_on(reader, far_writer, lambda: True),
            _pass_on(far_reader, writer, lambda: self.state != "mute"),
        )


async def _say_starting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, asyncio.IncompleteReadError):
        await reader.readexactly(8)  # asks for TLS
        writer.write(b"N")
        await reader.read(65536)  # says who it is
        writer.write(b"E" + (len(STARTING) + 4).to_bytes(4) + STARTING)
        await writer.drain()
    writer.close()


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, arrives: Callable[[], bool]
) -> None:
    with suppress(OSError):
        while some := await reader.read(65536):
            if arrives():
                writer.write(some)
                await writer.drain()
    writer.close()


@asynccontextmanager
async def line_to_database(stack: Stack) -> AsyncIterator[tuple[Line, URL]]:
    """A line to the stack's database, and the address at its near end."""
    line = Line(stack.ports["postgres"])
    server = await asyncio.start_server(line.carry, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield line, make_url(stack.dsn()).set(drivername="postgresql+asyncpg", port=port)
    finally:
        server.close()
        line.cut()
        await server.wait_closed()
