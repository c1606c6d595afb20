"""What reaches the app, what reaches the guest, and what is written down."""

import gzip
import json
import time
from pathlib import Path

from tests.edge.front_door import Backend, FrontDoor, open_door, reply
from tests.support.stack import free_port


def headers_seen(door: FrontDoor, backend: Backend, **claimed: str) -> dict[str, str]:
    def tell(request) -> None:
        reply(request, 200, json.dumps({k.lower(): v for k, v in request.headers.items()}).encode())

    backend.on("/page", tell)
    return json.loads(door.get("/page", **claimed).body)


def test_a_client_cannot_say_who_it_is(door: FrontDoor, backend: Backend) -> None:
    seen = headers_seen(
        door, backend, X_Forwarded_For="9.9.9.9", X_Real_IP="9.9.9.9", X_Forwarded_Proto="https",
        X_Forwarded_Host="evil", Forwarded="for=9.9.9.9", X_Request_Id="mine", Proxy="http://evil",
    )  # fmt: skip
    assert seen["x-forwarded-for"] == seen["x-real-ip"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "http"
    assert seen["x-request-id"] != "mine"
    assert not {"x-forwarded-host", "forwarded", "proxy"} & set(seen)


def test_the_app_sees_the_host_and_port_that_the_client_asked_for(door: FrontDoor, backend: Backend) -> None:
    assert headers_seen(door, backend)["host"] == f"127.0.0.1:{door.port}"


def test_the_app_and_the_client_get_the_same_request_id_and_only_one(
    door: FrontDoor, backend: Backend
) -> None:
    def tell(request) -> None:
        reply(request, 200, request.headers["X-Request-Id"].encode(), X_Request_Id="another")

    backend.on("/page", tell)
    answer = door.get("/page")
    assert answer.headers.get_all("X-Request-Id") == [answer.body.decode()]
    assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"]


def allow(door: FrontDoor, backend: Backend, name: str = "photo.jpg") -> bytes:
    """The app allows one file, the way it does for a result."""
    content = bytes(range(256)) * 40
    (door.media / "results").mkdir(exist_ok=True)
    (door.media / "results" / "photo.jpg").write_bytes(content)

    def answer(request) -> None:
        reply(
            request, 200, X_Accel_Redirect=f"/_media/results/{name}", Content_Type="image/png",
            Content_Disposition='attachment; filename="party.png"', Cache_Control="private, max-age=60",
            X_Robots_Tag="noindex", X_Job_Id="j1",
        )  # fmt: skip

    backend.on("/public/results/1", answer)
    return content


def test_nginx_sends_the_file_that_the_app_has_allowed_with_the_apps_headers(
    door: FrontDoor, backend: Backend
) -> None:
    content = allow(door, backend)
    answer = door.get("/public/results/1")
    assert (answer.status, answer.body) == (200, content)
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="party.png"'
    assert answer.headers["Cache-Control"] == "private, max-age=60"
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Job-Id"] == "j1"
    assert "X-Accel-Redirect" not in answer.headers


def test_a_download_can_be_resumed_and_revalidated(door: FrontDoor, backend: Backend) -> None:
    content = allow(door, backend)
    part = door.get("/public/results/1", Range="bytes=100-199")
    assert (part.status, part.body) == (206, content[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(content)}"
    head = door.ask("HEAD", "/public/results/1")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(content)))
    assert head.headers["Accept-Ranges"] == "bytes"
    assert door.get("/public/results/1", If_None_Match=head.headers["ETag"]).status == 304
    assert door.get("/public/results/1", If_Modified_Since=head.headers["Last-Modified"]).status == 304
    beyond = door.get("/public/results/1", Range="bytes=999999-")
    assert (beyond.status, beyond.error["code"]) == (416, "invalid_request")
    changed = door.get("/public/results/1", If_Match='"another"')
    assert (changed.status, changed.error["code"]) == (412, "invalid_request")


def test_a_file_that_goes_missing_after_the_app_has_seen_it_is_to_be_asked_for_again(
    door: FrontDoor, backend: Backend
) -> None:
    allow(door, backend, name="gone.jpg")
    answer = door.get("/public/results/1")
    assert (answer.status, answer.error["code"]) == (503, "service_unavailable")
    assert answer.headers["Retry-After"] == "2"


def test_text_is_compressed_and_pictures_are_not(door: FrontDoor, backend: Backend) -> None:
    page = b"<p>party</p>" * 500
    backend.on("/page", lambda request: reply(request, 200, page, Content_Type="text/html; charset=utf-8"))
    answer = door.get("/page", Accept_Encoding="gzip")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.body) == page
    backend.on("/picture", lambda request: reply(request, 200, page, Content_Type="image/jpeg"))
    assert "Content-Encoding" not in door.get("/picture", Accept_Encoding="gzip").headers


def test_the_access_log_is_json_and_holds_no_query(door: FrontDoor, backend: Backend) -> None:
    backend.on("/api/ingest/slot-001", lambda request: reply(request, 200))
    door.ask("POST", "/api/ingest/slot-001?reply=json&password=hunter2", body=b"", Referer="http://hunter2/")
    log = door.logs / "access.log"
    deadline = time.monotonic() + 5
    while not log.read_text(encoding="utf-8") and time.monotonic() < deadline:
        time.sleep(0.01)
    line = json.loads(log.read_text(encoding="utf-8").splitlines()[0])
    assert (line["path"], line["status"], line["client"]) == ("/api/ingest/slot-001", 200, "127.0.0.1")
    assert "hunter2" not in log.read_text(encoding="utf-8")


def test_a_guests_address_is_in_no_log(tmp_path: Path) -> None:
    paths = (
        "/",
        "/?lang=ru",
        "/r/x",
        "/public/results/x",
        "/s?code=2",
        "/s/2",
        "/g/x/live",
        "/g/x/p/y/preview",
    )
    paths += ("/apple-touch-icon.png", "/apple-touch-icon-120x120.png", "/favicon.ico", "/robots.txt")
    with open_door(tmp_path, free_port()) as door:  # the app is away: that is something to write down
        for path in paths:
            for _ in range(60):
                door.get(path)
        door.get("/api/slots")
        deadline = time.monotonic() + 5
        while (access := (door.logs / "access.log").read_text(encoding="utf-8")).count("\n") < len(
            paths
        ) * 60 + 1:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        errors = (door.logs / "error.log").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in access.splitlines()]
    assert [line["client"] for line in lines] == ["guest"] * len(paths) * 60 + ["127.0.0.1"]
    assert {line["status"] for line in lines} == {404, 429, 503}
    assert errors.count("client: ") == 1
    assert "GET /api/slots" in errors


def test_ten_phones_behind_one_address_open_a_gallery_at_once(door: FrontDoor, backend: Backend) -> None:
    backend.on("/g/token/p/picture/preview", lambda request: reply(request, 200))
    seen = {door.get("/g/token/p/picture/preview").status for _ in range(10 * 60)}
    assert seen == {200}
