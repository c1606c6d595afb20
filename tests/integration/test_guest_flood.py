"""One address that guesses without end is stopped; a party behind one address has places."""

from __future__ import annotations

import asyncio
import uuid

from tests.support.logins import new_address
from tests.support.stack import Stack


async def ask_with_others(stack: Stack, address: str, others: asyncio.Barrier) -> int:
    """The status of a guessed page, asked at the moment at which the others ask too."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.port, local_addr=(address, 0))
    try:
        await others.wait()
        writer.write(
            f"GET /r/{uuid.uuid4()} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()


async def test_a_flood_of_guesses_from_one_address_is_stopped(stack: Stack) -> None:
    address, together = new_address(), asyncio.Barrier(1_300)  # a party's 1,000 have places, and wait
    guesses = [
        asyncio.create_task(ask_with_others(stack, address, together)) for _ in range(together.parties)
    ]
    seen = set()
    for answer in asyncio.as_completed(guesses):
        seen.add(await answer)
        if len(seen) > 1:
            break
    for guess in guesses:
        guess.cancel()
    await asyncio.gather(*guesses, return_exceptions=True)
    assert seen == {404, 429}
