"""Photos stream through Nginx, and a refusal reaches the booth whatever it is doing."""

import contextlib
import json
import threading
import time
from pathlib import Path

from tests.edge.front_door import Backend, FrontDoor, answer_on, open_door, read_body, reply

SIZE = 20_000_000
HEAD = f"POST /api/ingest/slot-001 HTTP/1.1\r\nHost: booth\r\nContent-Length: {SIZE}\r\n".encode()
REFUSAL = json.dumps({"error": {"code": "slot_not_found", "message": "…"}}).encode()


def test_the_app_sees_the_first_bytes_before_the_booth_has_sent_the_last(
    door: FrontDoor, backend: Backend
) -> None:
    seen = threading.Event()

    def receive(request) -> None:
        first = request.rfile.read(1000)
        seen.set()
        rest = request.rfile.read(SIZE - 1000)
        reply(request, 200, str(len(first + rest)).encode())

    backend.on("/api/ingest/slot-001", receive)
    raw = door.wire(HEAD + b"\r\n" + bytes(5000))
    assert seen.wait(5)
    raw.sendall(bytes(SIZE - 5000))
    assert answer_on(raw).body == b"20000000"


def test_a_booth_that_waits_for_100_continue_gets_it(door: FrontDoor, backend: Backend) -> None:
    backend.on("/ingest/slot-001", lambda request: reply(request, 200, read_body(request)))
    raw = door.wire(
        b"POST /ingest/slot-001 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    )
    assert raw.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    raw.sendall(b"photo")
    assert answer_on(raw).body == b"photo"


def refuse_and_drain(request) -> None:
    """As uvicorn does: answer at once, read what still comes."""
    reply(request, 404, REFUSAL, Content_Type="application/json")
    read_body(request)


def test_an_early_refusal_arrives_while_the_booth_is_still_sending(door: FrontDoor, backend: Backend) -> None:
    backend.on("/api/ingest/slot-001", refuse_and_drain)
    raw = door.wire(HEAD + b"\r\n" + bytes(100_000))
    answer = answer_on(raw)
    assert (answer.status, answer.error["code"]) == (404, "slot_not_found")


def test_a_booth_that_sends_everything_first_still_reads_an_early_refusal(
    door: FrontDoor, backend: Backend
) -> None:
    backend.on("/api/ingest/slot-001", refuse_and_drain)
    raw = door.wire(HEAD + b"\r\n")
    for _ in range(20):
        raw.sendall(bytes(SIZE // 20))
    answer = answer_on(raw)
    assert (answer.status, answer.error["code"]) == (404, "slot_not_found")


def test_a_slow_booth_that_sends_everything_first_still_reads_an_early_refusal(
    door: FrontDoor, backend: Backend
) -> None:
    backend.on("/api/ingest/slot-001", refuse_and_drain)
    raw = door.wire(HEAD + b"\r\n")
    began = time.monotonic()
    for _ in range(20):
        raw.sendall(bytes(SIZE // 20))
        pause = threading.Event()
        pause.wait(0.05)
    assert time.monotonic() - began > 0.9
    assert answer_on(raw).status == 404


def test_a_booth_that_hangs_up_is_noticed_by_the_app(door: FrontDoor, backend: Backend) -> None:
    here, gone = threading.Event(), threading.Event()

    def receive(request) -> None:
        here.set()
        with contextlib.suppress(OSError):
            if len(request.rfile.read(SIZE)) < SIZE:
                gone.set()

    backend.on("/api/ingest/slot-001", receive)
    raw = door.wire(HEAD + b"\r\n" + bytes(100_000))
    assert here.wait(5)
    raw.close()
    assert gone.wait(5)


def test_a_picture_that_is_read_slowly_never_lies_in_a_file_on_its_way(
    door: FrontDoor, backend: Backend
) -> None:
    """A file could be cut off where the place is full: half a picture would pass for a whole one."""
    sent = threading.Event()

    def answer(request) -> None:
        read_body(request)
        reply(request, 200, bytes(SIZE), Content_Type="image/jpeg")
        sent.set()

    backend.on("/api/ingest/slot-001", answer)
    raw = door.wire(b"POST /api/ingest/slot-001 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nphoto")
    assert not sent.wait(0.3), "Nginx took all of a picture that nobody reads"
    assert len(answer_on(raw).body) == SIZE
    assert sent.wait(5)


def test_where_there_is_no_place_for_a_body_the_answer_is_an_error_and_photos_go_on(
    tmp_path: Path, backend: Backend
) -> None:
    backend.on("/api/slots/slot-001", lambda request: reply(request, 200, read_body(request)))
    backend.on("/api/ingest/slot-001", lambda request: reply(request, 200, read_body(request)))
    with open_door(tmp_path, backend.port) as door:
        bodies = tmp_path / "bodies"
        bodies.rename(tmp_path / "gone")
        bodies.touch()  # a place where nothing can be written, for root as well
        answer = door.ask("POST", "/api/slots/slot-001", body=bytes(100_000))
        assert (answer.status, answer.error["code"]) == (500, "internal_error")
        assert door.ask("POST", "/api/slots/slot-001", body=bytes(20_000)).status == 200
        assert len(door.ask("POST", "/api/ingest/slot-001", body=bytes(5_000_000)).body) == 5_000_000
