"""One address that guesses without end is stopped; a party behind one address has places."""

from __future__ import annotations

import asyncio
import uuid

from tests.support.connections import as_many_as_there_are
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


async def first_answers(stack: Stack, address: str, together: asyncio.Barrier) -> set[int]:
    """Until there are two kinds."""
    guesses = [
        asyncio.create_task(ask_with_others(stack, address, together)) for _ in range(together.parties)
    ]
    seen = set[int]()
    for answer in asyncio.as_completed(guesses):
        seen.add(await answer)
        if len(seen) > 1:
            break
    for guess in guesses:
        guess.cancel()
    await asyncio.gather(*guesses, return_exceptions=True)
    return seen


async def test_a_flood_of_guesses_from_one_address_is_stopped(stack: Stack) -> None:
    together = asyncio.Barrier(2_300)  # a party's 2,000 have places, and wait
    with as_many_as_there_are():
        assert await first_answers(stack, new_address(), together) == {404, 429}
