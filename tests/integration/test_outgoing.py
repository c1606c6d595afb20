"""Requests to addresses that an operator entered: what counts as an answer, and whose connection it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from appliance.staff.alerts import outgoing


@asynccontextmanager
async def answering(answer: bytes, *, closes: bool = False) -> AsyncIterator[tuple[int, list[int]]]:
    """The port of a server that answers so, and the ports from which connections came to it."""
    came: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer.get_extra_info("peername")[1])
        with suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(answer)
                await writer.drain()
                if closes:
                    break
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], came


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("answer", "closes"),
    [
        (HEAD + b"Content-Length: 100\r\n\r\nok", True),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", True),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", False),
        (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nok!", True),
    ],
    ids=["too short", "broken off", "without an end", "not what it says it is"],
)
async def test_a_status_counts_whatever_becomes_of_the_rest_of_the_answer(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, closes: bool
) -> None:
    monkeypatch.setattr(outgoing, "_READ_SECONDS", 0.2, raising=False)
    async with answering(answer, closes=closes) as (port, _), outgoing.new_client() as client:
        status, _ = await outgoing.ask(client, "POST", f"http://127.0.0.1:{port}/", patience=2)
    assert status == 200


async def test_a_connection_that_was_made_for_one_name_is_not_used_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    monkeypatch.setattr(outgoing, "resolve", resolve)
    answer = HEAD + b"Content-Length: 2\r\n\r\nok"
    async with answering(answer) as (port, came), outgoing.new_client() as client:
        for name in ("one.local", "two.local"):
            assert await outgoing.ask(client, "POST", f"http://{name}:{port}/") == (200, "ok")
    assert len(set(came)) == 2
