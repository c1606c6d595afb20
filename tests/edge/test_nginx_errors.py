"""Errors that Nginx makes itself look like the app's own; the app's pass untouched."""

import base64
import hashlib
import json
import re
import socket
from pathlib import Path

import pytest

from appliance.core.errors import ErrorCode
from appliance.core.language import languages
from appliance.lifecycle.stack.front_door import TEMPLATE
from tests.edge.front_door import Backend, FrontDoor, answer_on, open_door, reply
from tests.support.stack import CHECKOUT, free_port


@pytest.mark.parametrize(
    "path",
    ["/docs", "/docs/", "//docs", "/%64ocs", "/docs/oauth2-redirect", "/redoc", "/openapi.json"],
)
def test_what_is_for_the_operator_is_not_published(door: FrontDoor, path: str) -> None:
    answer = door.get(path)
    assert (answer.status, answer.error["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "target", [b"/api/ingest/slot 001", b"/api/ingest/slot-001?name=Anna Maria&reply=image"]
)
def test_a_space_in_the_address_is_refused_and_said_how_to_write_it(door: FrontDoor, target: bytes) -> None:
    """Nginx knows no length of the body then: the photo cannot be taken, but the booth can hear why."""
    request = b"POST " + target + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n" + b"the photo"
    answer = answer_on(door.wire(request))
    assert (answer.status, answer.error["code"]) == (400, "invalid_request")
    assert "a space is written %20" in str(answer.error["message"])


@pytest.mark.parametrize(
    "path", ["/_media/results/a.jpg", "/_media/", "/_error", "/x/../_media/results/a.jpg"]
)
def test_internal_addresses_cannot_be_asked_for_from_outside(door: FrontDoor, path: str) -> None:
    (door.media / "results").mkdir()
    (door.media / "results" / "a.jpg").write_bytes(b"secret")
    answer = door.get(path)
    assert (answer.status, answer.error["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("request_line", "status", "code"),
    [
        (b"GARBAGE\r\n\r\n", 400, "invalid_request"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "invalid_request"),
        (b"GET / HTTP/3.7\r\nHost: x\r\n\r\n", 400, "invalid_request"),
        (
            b"POST /api/ingest/slot-001 HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n",
            400,
            "invalid_request",
        ),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 400, "invalid_request"),
        (b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method_not_allowed"),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "invalid_request"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 20_000 + b"\r\n\r\n", 431, "invalid_request"),
    ],
)
def test_a_request_that_nginx_refuses_is_answered_in_our_form(
    door: FrontDoor, request_line: bytes, status: int, code: str
) -> None:
    answer = answer_on(door.wire(request_line))
    assert (answer.status, answer.error["code"]) == (status, code)
    assert len(answer.headers["X-Request-Id"]) == 32
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Server"] == "nginx"


@pytest.mark.parametrize(("method", "path"), [("TRACE", "/api/slots"), ("POST", "/static/x.css")])
def test_a_method_that_nginx_refuses_is_told_which_pass(door: FrontDoor, method: str, path: str) -> None:
    (door.media.parent / "static").mkdir(exist_ok=True)
    (door.media.parent / "static" / "x.css").write_text("p {}")
    answer = door.ask(method, path)
    assert answer.status == 405
    assert "GET, HEAD" in answer.headers["Allow"]
    assert ("DELETE" in answer.headers["Allow"]) == (method == "TRACE")


def test_an_upload_above_the_limit_is_refused_before_it_is_sent(door: FrontDoor) -> None:
    head = b"POST /api/ingest/slot-001 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
    answer = answer_on(door.wire(head + b"Content-Length: 30000000\r\n\r\n"))
    assert (answer.status, answer.error["code"]) == (413, "payload_too_large")


def test_a_client_that_sends_all_of_a_too_large_upload_first_still_reads_the_answer(door: FrontDoor) -> None:
    answer = door.ask("POST", "/api/ingest/slot-001", body=bytes(30_000_000))
    assert (answer.status, answer.error["code"]) == (413, "payload_too_large")


def test_a_chunked_upload_above_the_limit_is_refused_too(door: FrontDoor, backend: Backend) -> None:
    backend.on("/api/ingest/slot-001", lambda request: request.rfile.read())
    raw = door.wire(b"POST /api/ingest/slot-001 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"100000\r\n" + bytes(0x100000) + b"\r\n"
    for _ in range(25):
        raw.sendall(chunk)
    answer = answer_on(raw)
    assert (answer.status, answer.error["code"]) == (413, "payload_too_large")


def test_when_the_app_is_away_the_booth_is_told_to_come_back(tmp_path: Path) -> None:
    with open_door(tmp_path, app_port=free_port()) as door:
        answer = door.ask("POST", "/api/ingest/slot-001", body=b"photo")
    assert (answer.status, answer.error["code"]) == (503, "service_unavailable")
    assert (answer.headers["Retry-After"], answer.error["retry_after"]) == ("2", 2)


def test_an_app_that_breaks_off_is_away_too(door: FrontDoor, backend: Backend) -> None:
    def break_off(request) -> None:
        request.close_connection = True
        request.connection.shutdown(socket.SHUT_RDWR)

    backend.on("/page", break_off)
    answer = door.get("/page")
    assert (answer.status, answer.error["code"]) == (503, "service_unavailable")


def test_an_app_that_never_answers_is_a_missed_deadline(tmp_path: Path, backend: Backend) -> None:
    backend.on("/page", lambda request: request.rfile.read(1))
    with open_door(
        tmp_path, backend.port, lambda config: config.replace("read_timeout 70s", "read_timeout 200ms")
    ) as door:
        answer = door.get("/page")
        assert (answer.status, answer.error["code"]) == (504, "deadline_exceeded")


def test_errors_of_the_app_pass_untouched(door: FrontDoor, backend: Backend) -> None:
    body = json.dumps({"error": {"code": "slot_busy", "message": "…", "retry_after": 7}}).encode()
    for status in (400, 401, 404, 410, 413, 429, 500, 502, 503, 504):
        backend.on("/x", lambda request, status=status: reply(request, status, body, Retry_After="7"))
        answer = door.get("/x")
        assert (answer.status, answer.body, answer.headers["Retry-After"]) == (status, body, "7")


def test_a_flood_of_photos_is_refused_but_fifteen_booths_behind_one_address_are_not(
    door: FrontDoor, backend: Backend
) -> None:
    backend.on("/api/ingest/slot-001", reply)
    answers = [door.ask("POST", "/api/ingest/slot-001", body=b"") for _ in range(45)]
    assert {answer.status for answer in answers} == {200}
    refused = [
        a for a in (door.ask("POST", "/api/ingest/slot-001", body=b"") for _ in range(200)) if a.status != 200
    ]
    assert refused
    assert {(a.status, a.error["code"], a.headers["Retry-After"]) for a in refused} == {
        (429, "rate_limited", "1")
    }


def test_a_head_request_gets_the_error_without_its_body(door: FrontDoor) -> None:
    answer = door.ask("HEAD", "/docs")
    assert (answer.status, answer.body) == (404, b"")
    assert answer.headers["Content-Type"] == "application/json"


def test_every_code_that_nginx_gives_is_one_of_the_apps() -> None:
    template = TEMPLATE.read_text(encoding="utf-8")
    table = template.partition("$error_code {")[2].partition("}")[0]
    codes = set(re.findall(r"(\w+);", table))
    assert len(codes) == 8
    assert codes <= {code.value for code in ErrorCode}


@pytest.mark.parametrize(
    ("path", "is_page"),
    [("/r/x", True), ("/wall/x", True), ("/", True), ("/admin/gallery", True), ("/api/slots", False)],
)
def test_while_the_app_is_away_a_browser_gets_a_page_that_comes_back_by_itself(
    tmp_path: Path, path: str, is_page: bool
) -> None:
    with open_door(tmp_path, free_port()) as door:
        answer = door.get(path, Accept="text/html,*/*;q=0.8")
        plain = door.get(path, Accept="application/json")
    assert answer.status == plain.status == 503
    assert answer.headers["Retry-After"] == "2"
    assert plain.error["code"] == "service_unavailable"
    assert (b'http-equiv="refresh"' in answer.body) == is_page
    if not is_page:
        return
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    style = re.search(rb"<style>(.*)</style>", answer.body)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1]).digest()).decode()
    assert f"'sha256-{digest}'" in answer.headers["Content-Security-Policy"]


def test_a_change_by_staff_that_the_app_did_not_take_leads_to_the_first_page(tmp_path: Path) -> None:
    with open_door(tmp_path, free_port()) as door:
        opened = door.get("/admin/gallery/zip", Accept="text/html")
        sent = door.ask("POST", "/admin/gallery/zip", body=b"", Accept="text/html")
    assert b'content="4">' in opened.body
    assert b'content="4; url=/admin/">' in sent.body


def test_an_upload_that_is_too_large_is_refused_in_words_where_there_are_no_scripts(door: FrontDoor) -> None:
    large = bytes(30_000_000)
    answer = door.ask("POST", "/admin/templates", body=large, Accept="text/html,*/*;q=0.8")
    assert answer.status == 413
    assert "Файл слишком большой." in answer.body.decode()
    assert b'http-equiv="refresh"' not in answer.body, "it would be too large again"


@pytest.mark.parametrize("path", ["/r/%ZZ", "/g/abc%00", "/s/%"])
def test_a_guest_with_a_broken_link_reads_what_one_with_a_wrong_link_does(door: FrontDoor, path: str) -> None:
    answer = door.get(path)
    assert answer.status == 400
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert b'http-equiv="refresh"' not in answer.body, "it would be broken again"
    for language in languages("guests").values():
        assert language.gettext("error.missing_text") in answer.body.decode()


def test_a_body_where_no_file_goes_is_refused_without_asking_the_app(
    door: FrontDoor, backend: Backend
) -> None:
    backend.on("/api/login", lambda request: reply(request, 200, b"{}"))
    raw = door.wire(b"POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n")
    answer = answer_on(raw)
    assert (answer.status, answer.error["code"]) == (413, "payload_too_large")


def test_a_photo_sent_to_a_mistyped_address_is_told_so_and_not_to_be_smaller(door: FrontDoor) -> None:
    for path, about_address in (("/api/ingst/slot-001", True), ("/api/ingest/slot-001?reply=image", False)):
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 30000000\r\n\r\n"
        message = str(answer_on(door.wire(head.encode())).error["message"])
        assert ("check the address" in message, "smaller" in message) == (about_address, not about_address)


def test_every_location_has_a_rate_or_serves_files_alone() -> None:
    template = (CHECKOUT / "compose/nginx/nginx.conf.template").read_text(encoding="utf-8")
    locations = re.findall(r"location [^\n]*\{\n.*?\n        \}", template, re.DOTALL)
    assert len(locations) > 10
    assert [one.splitlines()[0] for one in locations if "proxy_pass" in one and "limit_req" not in one] == []
