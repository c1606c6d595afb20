"""How long a picture took is remembered at once and written later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.providers.routes import engine
from tests.standins import Script


@asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """The port of a server that accepts connections and never says a word."""
    over = asyncio.Event()

    async def wait(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    server = await asyncio.start_server(wait, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        over.set()
        server.close()


async def test_a_picture_does_not_wait_for_a_database_that_hangs(tmp_path: Path) -> None:
    async with silent_server() as port, engine(tmp_path, Script(), database_port=port) as at:
        assert await at.photo(at.route(), seconds=2) == ["delivered"]
