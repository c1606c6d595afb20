"""Several processes behind one Nginx: what goes on to another one, and what is never sent twice."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.edge.front_door import Backend, FrontDoor, Handler, open_door, read_body, reply
from tests.support.stack import free_port


@contextmanager
def backends(count: int) -> Iterator[list[Backend]]:
    made = [Backend() for _ in range(count)]
    yield made
    for one in made:
        one.close()


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[FrontDoor, list[Backend]]]:
    """A door before two processes."""
    with backends(2) as made, open_door(tmp_path, made[0].port, other_ports=[made[1].port]) as door:
        yield door, made


@pytest.fixture
def one_of_two(tmp_path: Path) -> Iterator[tuple[FrontDoor, Backend]]:
    """A door before two processes, of which the first is away."""
    with backends(1) as made, open_door(tmp_path, free_port(), other_ports=[made[0].port]) as door:
        yield door, made[0]


def goes_away(request: Handler) -> None:
    """As a process that is killed over its answer."""
    request.connection.shutdown(socket.SHUT_RDWR)
    request.close_connection = True


def test_both_processes_are_asked(two: tuple[FrontDoor, list[Backend]]) -> None:
    door, made = two
    made[0].on("/r/x", lambda request: reply(request, 200, b"first"))
    made[1].on("/r/x", lambda request: reply(request, 200, b"second"))
    assert {door.get("/r/x").body for _ in range(10)} == {b"first", b"second"}


def test_open_lines_of_guests_at_one_process_keep_no_photo_away_from_it(
    two: tuple[FrontDoor, list[Backend]],
) -> None:
    door, made = two

    def stays_open(request: Handler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.end_headers()
        with contextlib.suppress(OSError):
            request.rfile.read(1)

    made[0].on("/g/x/live", stays_open)
    made[1].on("/g/x/live", goes_away)
    for _ in range(20):
        assert door.wire(b"GET /g/x/live HTTP/1.1\r\nHost: x\r\n\r\n").recv(20)
    for one, name in zip(made, (b"first", b"second"), strict=True):
        one.on("/api/ingest/slot-001", lambda request, name=name: reply(request, 200, name))
    answers = [door.ask("POST", "/api/ingest/slot-001", b"").body for _ in range(10)]
    assert set(answers) == {b"first", b"second"}


def test_staff_are_served_by_the_first_process_that_is_there(
    two: tuple[FrontDoor, list[Backend]], tmp_path: Path
) -> None:
    door, made = two
    made[0].on("/api/backups", lambda request: reply(request, 200, b"first"))
    made[1].on("/api/backups", lambda request: reply(request, 200, b"second"))
    assert {door.get("/api/backups").body for _ in range(10)} == {b"first"}
    other = tmp_path / "other"
    other.mkdir()
    with open_door(other, free_port(), other_ports=[made[1].port]) as without_the_first:
        assert {without_the_first.get("/api/backups").body for _ in range(10)} == {b"second"}


def test_whoever_asks_is_not_told_that_a_process_is_away(one_of_two: tuple[FrontDoor, Backend]) -> None:
    door, there = one_of_two
    there.on("/r/x", lambda request: reply(request, 200, b"here"))
    assert [door.get("/r/x").status for _ in range(20)] == [200] * 20


@pytest.mark.parametrize("path", ["/api/ingest/slot-001", "/api/slots/slot-001/test-run", "/api/slots"])
def test_what_is_posted_comes_whole_to_the_process_that_is_there(
    one_of_two: tuple[FrontDoor, Backend], path: str
) -> None:
    door, there = one_of_two
    there.on(path, lambda request: reply(request, 200, read_body(request)))
    photo = bytes(range(256)) * 500
    for _ in range(10):
        assert door.ask("POST", path, photo).body == photo


def test_a_page_is_asked_of_the_other_process_where_one_goes_away_over_it(
    two: tuple[FrontDoor, list[Backend]],
) -> None:
    door, made = two
    made[0].on("/r/x", goes_away)
    made[1].on("/r/x", lambda request: reply(request, 200, b"here"))
    assert [door.get("/r/x").body for _ in range(10)] == [b"here"] * 10


@pytest.mark.parametrize("path", ["/api/ingest/slot-001", "/api/slots/slot-001/test-run", "/api/slots"])
def test_what_was_posted_is_never_sent_twice(two: tuple[FrontDoor, list[Backend]], path: str) -> None:
    door, made = two
    seen: list[bytes] = []

    def takes_and_goes_away(request: Handler) -> None:
        seen.append(read_body(request))
        goes_away(request)

    for one in made:
        one.on(path, takes_and_goes_away)
    assert door.ask("POST", path, b"a photo").status == 503
    assert seen == [b"a photo"]
