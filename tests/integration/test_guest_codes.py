"""Short links and codes that guests type."""

from __future__ import annotations

import re

import httpx
import pytest

from appliance.guests.codes import ALPHABET, LENGTH, read_code
from tests.conftest import Change
from tests.integration.test_guest_pages import HTML, job
from tests.integration.test_guest_pages import read_code as scan
from tests.support.camera import Camera, Reply, Shot
from tests.support.stack import Stack


@pytest.fixture
async def made(camera: Camera, shot: Shot) -> Reply:
    return await camera.post("/api/ingest/slot-002", shot)


@pytest.fixture(autouse=True)
async def _fresh_limits(stack: Stack) -> None:
    async with stack.database() as db:
        await db.execute("delete from rate_bucket where key like 'guest:%'")


def test_typing_is_forgiven() -> None:
    assert read_code(" 7k3-f9q ") == "7K3F9Q"
    assert read_code("７Ｋ３ｆ٩Ｑ") == "7K3F9Q"
    assert read_code("7к3м9т") == "7K3M9T"
    assert read_code("7K3F9") is None
    assert read_code("7K3F90") is None
    assert len(ALPHABET) ** LENGTH == 729_000_000


async def printed(client: httpx.AsyncClient, made: Reply) -> str:
    """The code that stands below a picture's QR code."""
    label = (await client.get(f"/public/results/{job(made)}/qr.svg?label=1")).text
    found = re.search(r">[^<]+/s/(\w+)</text>", label)
    assert found
    return found[1]


async def test_a_code_leads_to_the_picture(made: Reply, client: httpx.AsyncClient, setting: Change) -> None:
    await setting("short_links", True)
    code = await printed(client, made)
    assert len(code) == LENGTH
    for path in (f"/s/{code}", f"/s?code={code.lower()}"):
        reply = await client.get(path, headers=HTML)
        assert (reply.status_code, reply.headers["location"]) == (303, f"/r/{job(made)}")
    assert await printed(client, made) == code


async def test_a_scan_works_however_many_codes_were_mistyped(
    made: Reply, place: httpx.AsyncClient, setting: Change
) -> None:
    await setting("short_links", True)
    for letter in ALPHABET[:11]:
        mistyped = await place.get(f"/s/{'2' * 5}{letter}", headers=HTML)
    assert mistyped.status_code == 429
    (scanned,) = scan((await place.get(f"/public/results/{job(made)}/qr.png?label=1")).content)
    assert (await place.get(httpx.URL(scanned).path, headers=HTML)).status_code == 200


async def test_the_form_is_there_only_where_codes_are(client: httpx.AsyncClient, setting: Change) -> None:
    assert "<form" not in (await client.get("/", headers=HTML)).text
    assert (await client.get("/s/AAAAAA", headers=HTML)).status_code == 404
    await setting("short_links", True)
    assert "<form" in (await client.get("/", headers=HTML)).text


async def test_a_code_form_that_is_switched_off_answers_a_phone_with_a_page(
    client: httpx.AsyncClient, setting: Change
) -> None:
    await setting("short_links", False)
    reply = await client.get("/s?code=222222", headers=HTML)
    assert (reply.status_code, reply.headers["content-type"]) == (404, "text/html; charset=utf-8")


async def test_a_limited_code_form_answers_a_phone_with_a_page(
    place: httpx.AsyncClient, setting: Change
) -> None:
    await setting("short_links", True)
    for letter in ALPHABET[:11]:
        reply = await place.get(f"/s?code={'2' * 5}{letter}", headers=HTML)
    assert (reply.status_code, reply.headers["content-type"]) == (429, "text/html; charset=utf-8")
    assert int(reply.headers["retry-after"]) > 0


async def test_guessing_codes_is_stopped_but_right_ones_are_not_counted(
    made: Reply, place: httpx.AsyncClient, client: httpx.AsyncClient, setting: Change
) -> None:
    await setting("short_links", True)
    code = await printed(client, made)
    for _ in range(12):
        assert (await place.get(f"/s/{code}")).status_code == 303
    answers = [
        (await place.get(f"/s/{'2' * 5}{letter}", headers=HTML)).status_code for letter in ALPHABET[:12]
    ]
    assert answers == [404] * 5 + [429] * 7
    assert (await client.get(f"/s/{code}")).status_code == 303


async def test_no_address_of_a_guest_is_kept_with_the_limits(
    stack: Stack, place: httpx.AsyncClient, address: str, setting: Change
) -> None:
    await setting("short_links", True)
    await place.get("/s/222222", headers=HTML)
    async with stack.database() as db:
        keys = [row["key"] for row in await db.fetch("select key from rate_bucket where key like 'guest:%'")]
    assert keys
    assert not any(address in key for key in keys)
