"""What somebody without a password can make the appliance do: as good as nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from appliance.core.passwords import hash_password
from appliance.core.texts import query_values
from tests.support.camera import Shot
from tests.support.stack import Stack

NESTED = b"[" + b"[]," * 7_000_000 + b"[]]"  # 21 MB that take a parser seconds
SLOT = "/api/ingest/slot-001"
JSON = {"content-type": "application/json"}


async def in_chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 65_536):
        yield bytes(65_536)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api/login"), ("PUT", "/api/settings"), ("POST", "/admin/login")]
)
async def test_a_large_body_is_refused_where_no_file_goes(
    method: str, path: str, client: httpx.AsyncClient
) -> None:
    answer = await client.request(method, path, content=NESTED, headers=JSON)
    assert answer.status_code in (401, 413), answer.text
    assert answer.json()["error"]["code"] in ("not_authenticated", "payload_too_large")


async def test_a_body_that_does_not_say_how_large_it_is_is_counted(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url="http://app", transport=stack.to_app()) as straight:
        answer = await straight.post("/api/login", content=in_chunks(2_000_000), headers=JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "payload_too_large")


@pytest.mark.parametrize("path", [SLOT, "/", "/api/login"])
async def test_an_address_with_thousands_of_values_is_refused_unread(
    path: str, client: httpx.AsyncClient
) -> None:
    """Reading them took longer than many a photo, before anybody asked for a password."""
    values = "&".join(f"v{number}=1" for number in range(201))
    answer = await client.post(f"{path}?{values}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert len(query_values(values.encode())) == 200  # of what staff are shown of it


@pytest.mark.parametrize("token", [None, "Bearer nonsense", "Basic eDp5"])
async def test_a_stranger_is_told_so_before_the_body_is_read(token: str | None, stack: Stack) -> None:
    """The body never comes, and the answer is there all the same."""
    head = "PUT /api/slots/slot-001 HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    head += f"authorization: {token}\r\n" if token else ""
    reader, writer = await stack.connection_to_app()
    writer.write(f"{head}content-length: 200000\r\n\r\n".encode())
    status = await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    assert status.split()[1] == b"401"


async def test_health_answers_while_large_bodies_come(client: httpx.AsyncClient) -> None:
    attack = [asyncio.create_task(client.post("/api/login", content=NESTED, headers=JSON)) for _ in range(4)]
    slowest = 0.0
    while not all(task.done() for task in attack):
        began = time.monotonic()
        assert (await client.get("/healthz")).status_code == 200
        slowest = max(slowest, time.monotonic() - began)
    await asyncio.gather(*attack)
    assert slowest < 1.0


ODD = {
    "an address that is none": ("GET", "/admin/", {"hx-current-url": "http://[", "hx-request": "true"}, None),
    "half a character in a name": ("POST", "/api/login", JSON, b'{"username": "\\ud800", "password": "x"}'),
    "half a character": ("POST", "/api/login", JSON, b'{"username": "serg", "password": "\\ud800"}'),
    "NUL in a name": ("POST", "/api/login", JSON, b'{"username": "a\\u0000b", "password": "x"}'),
    "a cookie in letters that are not ASCII": ("GET", "/g/none", {"cookie": "gallery_pin=\u00e9"}, None),
    "NUL in a code": ("GET", "/s/%00", {}, None),
    "half of a percent sign": ("GET", "/r/%ed%a0%80", {}, None),
}  # fmt: skip


@pytest.mark.parametrize(("method", "path", "headers", "content"), ODD.values(), ids=ODD)
async def test_odd_input_is_refused_and_is_no_fault_of_ours(
    method: str, path: str, headers: dict[str, str], content: bytes | None, client: httpx.AsyncClient
) -> None:
    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = await client.request(method, path, content=content, headers=raw)
    assert answer.status_code < 500, answer.text


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
@pytest.mark.parametrize("path", ["/api/jobs", "/api/audit", "/api/gallery"])
async def test_the_ends_of_time_are_out_of_reach(path: str, moment: str, admin: httpx.AsyncClient) -> None:
    answer = await admin.get(path, params={"since": moment})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "validation_failed")


async def test_guessing_the_ingest_password_is_slowed_and_shuts_no_booth_out(
    stack: Stack, shot: Shot, admin: httpx.AsyncClient
) -> None:
    transport = httpx.AsyncHTTPTransport(local_address="127.0.0.66")
    async with httpx.AsyncClient(base_url=stack.url, transport=transport, timeout=70) as stranger:

        async def post(password: str) -> httpx.Response:
            files = {"password": (None, password), "fileToUpload": ("a.jpg", shot.photo)}
            return await stranger.post(SLOT, files=files)

        assert (await post(shot.password or "")).status_code == 200
        answers = [await post(f"guess-{number}") for number in range(14)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert {answer.status_code for answer in answers} == {401, 429}
        assert refused[-1].json()["error"]["retry_after"] >= 1
        assert (await post(shot.password or "")).status_code == 200  # a booth behind the same address
    entries = (await admin.get("/api/audit", params={"action": "ingest_password.refused"})).json()["entries"]
    assert entries[0]["address"] == "127.0.0.66"


async def test_booths_that_all_post_at_once_behind_one_address_are_let_in(
    stack: Stack, shot: Shot, admin: httpx.AsyncClient
) -> None:
    """As after a restart, when nobody has seen the password yet."""
    transport = httpx.AsyncHTTPTransport(local_address="127.0.0.67")
    before = await stack.value("select value::text from app_settings where key = 'ingest_password'")
    new = "a-password-that-nobody-has-seen"
    hashed = await hash_password(new)
    async with stack.database() as db:
        await db.execute("update app_settings set value = $1 where key = 'ingest_password'", {"hash": hashed})
    try:
        async with httpx.AsyncClient(base_url=stack.url, transport=transport, timeout=70) as booths:
            files = {"password": (None, new), "fileToUpload": ("a.jpg", shot.photo)}
            slots = [f"/api/ingest/slot-{number:03}?reply=json" for number in range(1, 7)] * 4
            answers = await asyncio.gather(*(booths.post(slot, files=files) for slot in slots))
        assert {answer.status_code for answer in answers} == {200}
    finally:
        async with stack.database() as db:
            sql = "update app_settings set value = $1::text::jsonb where key = 'ingest_password'"
            await db.execute(sql, before)
