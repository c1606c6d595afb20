"""A party behind one address is let in; whoever holds thousands of connections keeps no booth out."""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.edge.front_door import Backend, FrontDoor, answer_on, read_body, reply
from tests.support.connections import as_many_as_there_are

PHONES = 300
SLOW = 2050
HEADS = (
    b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: a",
    b"POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\na",
)


@pytest.fixture(autouse=True)
def _many_files() -> Iterator[None]:
    """Both ends of each connection are this process's and Nginx's."""
    with as_many_as_there_are() as most:
        assert most >= 4 * SLOW
        yield


def test_three_hundred_phones_behind_one_address_open_pages_and_keep_a_live_line(
    door: FrontDoor, backend: Backend
) -> None:
    def live(request) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(b": here\n\n")
        request.wfile.flush()
        with contextlib.suppress(OSError):
            request.rfile.read(1)

    for path in ("/g/x", "/g/x/p/y/preview"):
        backend.on(path, lambda request: reply(request, 200, b"x"))
    backend.on("/g/x/live", live)

    def phone(_number: int) -> list[int]:
        line = door.wire(b"GET /g/x/live HTTP/1.1\r\nHost: x\r\n\r\n")
        said = line.recv(20)
        pages = ["/g/x", *["/g/x/p/y/preview"] * 3]
        return [int(said.split()[1]), *(door.get(path).status for path in pages)]

    with ThreadPoolExecutor(16) as phones:
        seen = Counter(status for statuses in phones.map(phone, range(PHONES)) for status in statuses)
    assert seen == {200: PHONES * 5}


def test_thousands_of_connections_that_say_little_keep_no_photo_out(
    door: FrontDoor, backend: Backend
) -> None:
    backend.on("/api/ingest/slot-001", lambda request: reply(request, 200, read_body(request)))
    with contextlib.ExitStack() as held, selectors.DefaultSelector() as closed:
        for number in range(SLOW):
            stranger = socket.create_connection(("127.0.0.1", door.port), 10, ("127.0.0.9", 0))
            held.enter_context(stranger)
            closed.register(stranger, selectors.EVENT_READ)
            stranger.sendall(HEADS[number % 2])
        photo = bytes(2_000_000)
        for _ in range(5):
            assert door.ask("POST", "/api/ingest/slot-001", photo).body == photo
        # One address may have so many requests under way, and half of its connections never began one.
        refused = [key.fileobj for key, _ in closed.select(0)]
        assert SLOW // 2 - 400 <= len(refused) <= SLOW // 2
        assert isinstance(refused[0], socket.socket)
        assert answer_on(refused[0]).error["code"] == "rate_limited"
