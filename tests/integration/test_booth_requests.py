"""What staff see of booths' requests: as they arrived, refused ones too, and what is wrong in words."""

from __future__ import annotations

import asyncio
import json
import re
import time
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.datastructures import Headers

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.language import language, languages
from appliance.core.siblings import Siblings
from appliance.ingest.booth_keys.service import make_booth_key
from appliance.ingest.booth_requests.arrival import Arrival
from appliance.ingest.booth_requests.log import BoothRequests
from appliance.ingest.booth_requests.retention import KEPT_FOR, BoothRequestRetention
from appliance.staff.booths.everywhere import AllBooths
from appliance.staff.booths.findings import NAMES
from tests.conftest import Change
from tests.standins import Script, StandIn, Step
from tests.support.camera import BOUNDARY, Camera, Shot, body_of, file_part, text_part
from tests.support.cleaning import clean
from tests.support.logins import new_address
from tests.support.photos import portrait_jpeg
from tests.support.slots import with_gemini
from tests.support.stack import CHECKOUT, Stack
from tests.support.waiting import until

REQUESTS = "/api/booths/requests"
SLOT = "/api/ingest/slot-001"
CASES = CHECKOUT / "tests" / "cases"


@pytest.fixture
def booth(stack: Stack) -> Camera:
    """A booth at an address that nothing has called from before."""
    return Camera(stack.port, address=new_address())


async def seen(admin: httpx.AsyncClient, booth: Camera) -> dict[str, Any]:
    """The booth as staff see it."""
    listed = (await admin.get(REQUESTS)).json()["booths"]
    assert booth._own
    found: dict[str, Any] = next(one for one in listed if one["id"] == booth._own[0])
    return found


async def last(admin: httpx.AsyncClient, booth: Camera) -> dict[str, Any]:
    """Its last request."""
    found: dict[str, Any] = (await seen(admin, booth))["requests"][0]
    return found


def named(request: dict[str, Any]) -> list[str]:
    return [found["name"] for found in request["findings"]]


async def test_a_good_request_is_shown_as_it_arrived(
    admin: httpx.AsyncClient, booth: Camera, shot: Shot
) -> None:
    reply = await booth.post(f"{SLOT}?reply=image&table=7", shot)
    assert reply.status == 200
    shown = await last(admin, booth)
    assert shown["findings"] == []
    assert (shown["method"], shown["path"], shown["slot_id"]) == ("POST", SLOT, "slot-001")
    assert (shown["reply"], shown["reply_from"], shown["shown_by"]) == ("image", "address", "password")
    assert shown["query"] == [
        {"name": "reply", "text": "image", "size": 5},
        {"name": "table", "text": "7", "size": 1},
    ]
    (file,) = shown["files"]
    assert (file["field"], file["name"], file["media_type"]) == ("fileToUpload", "IMG_0003.JPG", "image/jpeg")
    assert (file["size"], file["real_type"]) == (len(shot.photo), "image/jpeg")
    assert file["width"] > 0
    fields = {one["name"]: one for one in shown["fields"]}
    assert fields["name"]["text"] == "DESKTOP-K968T3F"
    assert fields["password"] == {"name": "password", "text": "•••", "size": len(shot.password or "")}
    headers = {one["name"]: one["text"] for one in shown["headers"]}
    assert headers["expect"] == "100-continue"
    assert {"user-agent", "accept", "x-forwarded-for"}.isdisjoint(headers)
    assert {"receive", "wait", "provider", "finish", "store"} <= set(shown["timings"])
    assert shown["job_id"] == reply.headers["x-job-id"]
    assert (await seen(admin, booth))["machine"] == "DESKTOP-K968T3F"


async def test_secrets_are_masked_wherever_they_stand(
    admin: httpx.AsyncClient, booth: Camera, shot: Shot, password: str
) -> None:
    key = make_booth_key()
    shot.fields |= {"Passwort": "other-4d1c", "said": f"the key is {key}", "api_token": "token-7f3a9"}
    address = f"{SLOT}?password={password}&key={key}&said={key}"
    await booth.post(address, shot, extra="Authorization: Bearer abcdefgh\r\nCookie: a=b-secret\r\n")
    await booth.post(SLOT, shot)
    whole = json.dumps(await seen(admin, booth), ensure_ascii=False)
    for secret in (password, key, "other-4d1c", "token-7f3a9", "abcdefgh", "b-secret"):
        assert secret not in whole
    assert "•••" in whole


async def test_what_guests_typed_is_hidden_from_those_who_may_not_see_results(
    watcher: httpx.AsyncClient, booth: Camera, shot: Shot
) -> None:
    shot.fields["email"] = "anna@example.org"
    await booth.post(f"{SLOT}?guest=Maria&reply=image", shot)
    shown = await last(watcher, booth)
    assert shown["query"][0] == {"name": "guest", "text": None, "size": 5}
    fields = {one["name"]: one["text"] for one in shown["fields"]}
    assert (fields["email"], fields["name"], fields["password"]) == (None, None, "•••")
    assert (shown["files"][0]["name"], shown["files"][0]["size"]) == (None, len(shot.photo))
    csrf = re.search(r'name="csrf" value="(\w+)"', (await watcher.get("/admin/login")).text)
    assert csrf
    form = {"csrf": csrf[1], "username": "walter", "password": "walter counts only"}
    assert (await watcher.post("/admin/login", data=form)).status_code == 303
    page = await watcher.get("/admin/booths")
    assert page.status_code == 200
    for typed in ("anna@example.org", "Maria", shot.fields["name"], "IMG_0003.JPG"):
        assert typed not in json.dumps(await seen(watcher, booth))
    assert "anna@example.org" not in page.text
    assert "<dt>email</dt>" in page.text


async def test_what_a_guest_typed_is_forgotten_when_the_guest_deletes_the_picture(
    admin: httpx.AsyncClient, client: httpx.AsyncClient, booth: Camera, shot: Shot, setting: Change
) -> None:
    await setting("guests_may_delete", True)
    shot.fields["email"] = "olga@example.org"
    job_id = (await booth.post(f"{SLOT}?guest=Olga", shot)).headers["x-job-id"]
    assert "olga@example.org" in json.dumps(await last(admin, booth))
    assert (await client.post(f"/r/{job_id}/delete")).status_code == 303
    shown = await last(admin, booth)
    assert shown["job_id"] == job_id
    assert "lga" not in json.dumps(shown)
    assert {"name": "email", "text": None, "size": 16} in shown["fields"]
    assert shown["files"][0]["name"] is None


async def test_what_guests_typed_is_forgotten_when_cleanup_empties_their_jobs(
    stack: Stack, admin: httpx.AsyncClient, booth: Camera, shot: Shot
) -> None:
    shot.fields["email"] = "olga@example.org"
    job_id = (await booth.post(SLOT, shot)).headers["x-job-id"]
    async with stack.database() as db:
        past = "update job_history set result_expires_at = now() - interval '1 s' where job_id = $1"
        await db.execute(past, job_id)
    await clean(stack)
    assert "olga@example.org" not in json.dumps(await last(admin, booth))


async def test_what_is_older_is_forgotten_in_every_process_whether_or_not_there_was_a_job(
    database: Database, tmp_path: Path
) -> None:
    def arrived(at: datetime) -> Arrival:
        return Arrival(at, time.monotonic(), "POST", SLOT, b"guest=Olga", Headers(), "192.0.2.7")

    async with AsyncExitStack() as running:
        made = []
        for number in (1, 2):
            kept, siblings = BoothRequests(number, 2), Siblings(f"unix:{tmp_path}/app.sock", number, 2)
            made.append((kept, AllBooths(kept, BoothRequestRetention(database, kept), siblings)))
            await siblings.open()
            running.push_async_callback(siblings.aclose)
        (_, first), (of_second, _) = made
        of_second.add(arrived(utcnow() - KEPT_FOR - timedelta(minutes=1)))
        of_second.add(arrived(utcnow()))
        (booth,) = await first.booths()
        assert [one.query[0].text for one in booth.requests] == ["Olga", None]
        assert [one.query[0].text for one in of_second.booths()[0].requests] == ["Olga", None]


BAD: dict[str, tuple[str, list[bytes], int, str]] = {
    "no password": (SLOT, [file_part(portrait_jpeg())], 400, "no_password"),
    "a password by another name": (
        SLOT,
        [text_part("Password", "x"), file_part(portrait_jpeg())],
        400,
        "password_elsewhere",
    ),
    "a password in the address": (
        f"{SLOT}?password=x",
        [file_part(portrait_jpeg())],
        400,
        "password_in_address",
    ),
    "a wrong password": (SLOT, [text_part("password", "wrong"), file_part(b"x")], 401, "wrong_password"),
    "a wrong key": (f"{SLOT}?key={make_booth_key()}", [], 401, "wrong_key"),
    "half a key": (f"{SLOT}?key=secret", [], 401, "key_not_whole"),
    "no such slot": ("/api/ingest/slot-1", [], 404, "no_slot"),
    "a line break after the slot": (f"{SLOT}%0A", [], 404, "no_slot"),
    "no slot at all": ("/api/ingest", [file_part(bytes(300_000))], 404, "wrong_address"),
    "a slash too many": (f"/{SLOT}", [file_part(bytes(300_000))], 404, "wrong_address"),
    "an unknown reply form": (f"{SLOT}?reply=picture", [], 422, "wrong_reply"),
}


@pytest.mark.parametrize(("address", "parts", "status", "name"), BAD.values(), ids=BAD)
async def test_what_is_wrong_is_named(
    address: str,
    parts: list[bytes],
    status: int,
    name: str,
    admin: httpx.AsyncClient,
    booth: Camera,
) -> None:
    reply = await booth.send(address, body_of(parts))
    assert reply.status == status
    shown = await last(admin, booth)
    assert (shown["status"], shown["code"], shown["message"]) == (
        status,
        reply.code,
        reply.json()["error"]["message"],
    )
    assert name in named(shown)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(500), "heic"),
        ((CASES / "cr3.bin").read_bytes(), "raw"),
        ((CASES / "mp4.bin").read_bytes(), "video"),
        ((CASES / "jxl.bin").read_bytes(), "other_type"),
        ((CASES / "jpeg12.jpg").read_bytes(), "jpeg_12"),
        ((CASES / "small_half_eoi.jpg").read_bytes(), "damaged"),
        (b"no picture at all", "not_an_image"),
        (b"", "empty_file"),
    ],
)
async def test_what_is_wrong_with_a_photo_is_named(
    content: bytes, name: str, admin: httpx.AsyncClient, booth: Camera, shot: Shot
) -> None:
    assert (await booth.post(SLOT, Shot(content, shot.password))).status in (400, 415)
    assert named(await last(admin, booth)) == [name]


async def test_requests_that_are_refused_by_their_headers_are_shown_too(
    admin: httpx.AsyncClient, booth: Camera
) -> None:
    async def sent(head: str) -> dict[str, Any]:
        reader, writer = await booth.connection()
        writer.write(f"{head}\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await asyncio.wait_for(reader.read(), 20)
        writer.close()
        return await last(admin, booth)

    assert named(await sent(f"GET {SLOT} HTTP/1.1")) == ["wrong_method"]
    shown = await sent(f"POST {SLOT} HTTP/1.0")
    assert (named(shown), shown["protocol"]) == (["no_multipart"], "HTTP/1.0")
    assert "content-type" not in [one["name"] for one in shown["headers"]]
    zipped = await sent(f"POST {SLOT} HTTP/1.1\r\nContent-Encoding: gzip")
    assert (zipped["status"], named(zipped)) == (415, ["compressed"])


async def test_a_booth_without_a_reply_form_in_its_address_is_told_so(
    admin: httpx.AsyncClient, booth: Camera, shot: Shot
) -> None:
    shot.password_last = True
    assert (await booth.post(SLOT, shot)).status == 200
    shown = await last(admin, booth)
    assert named(shown) == ["no_reply", "password_last"]
    assert (shown["reply"], shown["reply_from"]) == ("json", "slot")


async def test_a_booth_that_hangs_up_during_its_upload_is_shown(
    admin: httpx.AsyncClient, booth: Camera, shot: Shot, stack: Stack
) -> None:
    _, writer = await booth.connection()
    head = booth.head(SLOT, 100_000).replace(b"Expect: 100-continue\r\n", b"")
    writer.write(head + f"--{BOUNDARY}\r\n".encode() + text_part("password", shot.password or ""))
    await writer.drain()
    await until(stack.temp_files, seconds=20)
    writer.close()

    async def shown() -> bool:
        listed = (await admin.get(REQUESTS)).json()["booths"]
        return any(booth._own and one["id"] == booth._own[0] for one in listed)

    await until(shown, seconds=20)
    assert named(await last(admin, booth)) == ["hung_up"]


async def test_a_booth_that_does_not_wait_for_its_picture_is_shown(
    admin: httpx.AsyncClient, booth: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    gemini.script = Script(then=Step("ok", seconds=2))
    await slot("slot-010", **with_gemini(deadline_seconds=20))
    reader, writer = await booth.connection()
    body = shot.body()
    head = booth.head("/api/ingest/slot-010?reply=image", len(body)).replace(b"Expect: 100-continue\r\n", b"")
    writer.write(head + body)
    await until(lambda: gemini.calls, seconds=20)
    writer.close()
    assert await reader.read() == b""

    async def shown() -> bool:
        listed = (await admin.get(REQUESTS)).json()["booths"]
        return any(booth._own and one["id"] == booth._own[0] for one in listed)

    await until(shown, seconds=20)
    request = await last(admin, booth)
    assert (request["hung_up"], named(request)) == (True, ["hung_up"])


async def test_twenty_requests_of_a_booth_are_kept(admin: httpx.AsyncClient, booth: Camera) -> None:
    for number in range(22):
        await booth.send(f"/api/ingest/slot-{number}", b"")
    requests = (await seen(admin, booth))["requests"]
    assert [one["slot_id"] for one in requests] == [f"slot-{number}" for number in range(21, 1, -1)]


@pytest.mark.parametrize("code", list(languages("staff")))
def test_every_finding_has_its_words_and_what_to_do(code: str) -> None:
    texts = {key for key, text in language("staff", code).texts.items() if text}
    wanted = {f"booths.finding.{name}{what}" for name in NAMES for what in ("", ".do")}
    assert wanted == {key for key in texts if key.startswith("booths.finding.")}
