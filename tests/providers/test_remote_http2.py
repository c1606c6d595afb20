"""Over real HTTP/2: pictures that were given up must not starve the ones that follow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import h2.config
import h2.connection
import h2.events
import httpx
import pytest

from appliance.core.clock import Deadline
from appliance.providers.http import MIB, exchange
from appliance.providers.pool import RenewingTransport

PICTURE = 4 * MIB


class _Server(asyncio.Protocol):
    """Answers each request with a large body: at once, or after ``/late``'s pause."""

    connections = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        _Server.connections += 1
        self.transport = transport
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self.h2.initiate_connection()
        self.unsent: dict[int, int] = {}
        self.flush()

    def data_received(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                late = dict(event.headers)[b":path"] == b"/late"
                asyncio.get_running_loop().call_later(0.1 if late else 0, self.answer, event.stream_id)
        self.flush()

    def answer(self, stream: int) -> None:
        self.h2.send_headers(stream, [(":status", "200")])
        self.unsent[stream] = PICTURE
        self.flush()

    def flush(self) -> None:
        for stream in list(self.unsent):
            while self.unsent.get(stream):
                size = min(self.unsent[stream], self.h2.local_flow_control_window(stream), 16_384)
                if size <= 0:
                    break
                self.unsent[stream] -= size
                self.h2.send_data(stream, bytes(size), end_stream=not self.unsent[stream])
        self.transport.write(self.h2.data_to_send())


@asynccontextmanager
async def http2_server() -> AsyncIterator[str]:
    server = await asyncio.get_running_loop().create_server(_Server, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def plain() -> httpx.AsyncBaseTransport:
    return httpx.AsyncHTTPTransport(http1=False, http2=True)


async def give_up_pictures_and_want_one(transport: httpx.AsyncBaseTransport) -> int:
    """Five pictures come too late; then one is wanted: its size in bytes."""
    async with http2_server() as url, httpx.AsyncClient(transport=transport) as client:
        for _ in range(5):
            with pytest.raises(TimeoutError):
                await exchange(client, "GET", f"{url}/late", Deadline.after(0.05), max_bytes=PICTURE)
            await asyncio.sleep(0.1)  # the late answer arrives now, and nobody reads it
        answer = await exchange(client, "GET", url, Deadline.after(1.0), max_bytes=PICTURE)
        return len(answer.body)


async def test_a_shared_connection_starves_without_renewal():
    with pytest.raises(TimeoutError):
        await give_up_pictures_and_want_one(plain())


async def test_a_renewed_pool_delivers_the_next_picture():
    assert await give_up_pictures_and_want_one(RenewingTransport(plain)) == PICTURE


async def test_without_trouble_one_connection_serves_all():
    before = _Server.connections
    async with http2_server() as url, httpx.AsyncClient(transport=RenewingTransport(plain)) as client:
        for _ in range(4):
            answer = await exchange(client, "GET", url, Deadline.after(5), max_bytes=PICTURE)
            assert len(answer.body) == PICTURE
    assert _Server.connections == before + 1
