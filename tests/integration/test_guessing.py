"""Two hundred addresses guess PINs and codes; guests with the right ones get in meanwhile."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from sqlalchemy import event
from sqlalchemy.engine import make_url

from appliance.core.db import Database
from appliance.core.errors import RateLimited
from appliance.guests.codes import ALPHABET
from appliance.guests.guessing import CODES, Guessing
from appliance.guests.tokens import GuestTokens
from tests.conftest import Change
from tests.integration.test_guest_codes import printed
from tests.support.camera import Camera, Shot
from tests.support.logins import client_at, new_address
from tests.support.stack import Stack

API = "/api/shared-galleries"
ADDRESSES = 200


@pytest.fixture(autouse=True)
async def _fresh_limits(stack: Stack) -> AsyncIterator[None]:
    """What guessers leave behind is nobody else's concern."""

    async def clear() -> None:
        async with stack.database() as db:
            await db.execute("delete from rate_bucket where key like 'guest:%' or key like 'note:%'")

    await clear()
    yield
    await clear()


async def asked(stack: Stack, method: str, path: str, **form: str) -> int:
    """The answer to an address that nobody has seen before."""
    async with client_at(stack, new_address()) as stranger:
        return int((await stranger.request(method, path, data=form or None)).status_code)


async def siege(stack: Stack, request: Callable[[int], bytes]) -> Counter[int]:
    """Two tries from each of the addresses, twenty addresses at a time."""
    turns = asyncio.Semaphore(20)

    async def guess(address: str, numbers: tuple[int, int]) -> list[int]:
        async with turns:
            return [await status_of(stack, address, request(number)) for number in numbers]

    tries = (guess(new_address(), (2 * number, 2 * number + 1)) for number in range(ADDRESSES))
    answers = await asyncio.gather(*tries)
    return Counter(status for statuses in answers for status in statuses)


async def status_of(stack: Stack, address: str, request: bytes) -> int:
    """A connection of its own: two hundred clients of the usual kind would take a minute."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.port, local_addr=(address, 0))
    try:
        writer.write(request)
        return int((await asyncio.wait_for(reader.readline(), 60)).split()[1])
    finally:
        writer.close()


def pin_form(path: str) -> Callable[[int], bytes]:
    """Wrong PINs for a gallery."""

    def form(number: int) -> bytes:
        body = f"pin={number:06}"
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()

    return form


def code_page(number: int) -> bytes:
    """Codes that belong to no picture, all but certainly."""
    letters = "".join(ALPHABET[number // 29**place % 29] for place in range(6))
    return f"GET /s/{letters} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


async def actions(admin: httpx.AsyncClient, action: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = (await admin.get("/api/audit", params={"action": action})).json()["entries"]
    return found


async def test_guessing_a_pin_from_everywhere_keeps_no_guest_out_and_is_told(
    stack: Stack, admin: httpx.AsyncClient
) -> None:
    gallery = (await admin.post(API, json={"minutes": 5, "pin": "471135"})).json()
    path = httpx.URL(gallery["url"]).path
    try:
        answers = await siege(stack, pin_form(path))
        assert answers == {401: 2 * ADDRESSES}, "each address has tries of its own"
        assert await asked(stack, "POST", path, pin="471135") == 303
        async with client_at(stack, new_address()) as stranger:
            waits = [await stranger.post(path, data={"pin": f"00000{number}"}) for number in range(6)]
        assert [answer.status_code for answer in waits] == [401] * 3 + [429] * 3
        assert int(waits[-1].headers["retry-after"]) > 60
        told = await actions(admin, "gallery.pin_guessed")
        assert (told[0]["subject"], told[0]["address"]) == (gallery["id"], "")
    finally:
        await admin.delete(f"{API}/{gallery['id']}")


async def test_a_party_behind_one_address_is_not_shut_out_by_who_guesses_elsewhere(
    stack: Stack, admin: httpx.AsyncClient
) -> None:
    gallery = (await admin.post(API, json={"minutes": 5, "pin": "471135"})).json()
    path = httpx.URL(gallery["url"]).path
    try:
        async with client_at(stack, new_address()) as router:
            assert (await router.post(path, data={"pin": "471135"})).status_code == 303
            router.cookies.clear()  # another phone behind it
            await siege(stack, pin_form(path))
            wrong = [
                (await router.post(path, data={"pin": f"00000{number}"})).status_code for number in range(9)
            ]
            assert wrong == [401] * 9
            assert (await router.post(path, data={"pin": "471135"})).status_code == 303
    finally:
        await admin.delete(f"{API}/{gallery['id']}")


async def test_guessing_codes_from_everywhere_keeps_no_guest_out_and_is_told(
    stack: Stack,
    admin: httpx.AsyncClient,
    client: httpx.AsyncClient,
    camera: Camera,
    shot: Shot,
    setting: Change,
) -> None:
    await setting("short_links", True)
    code = await printed(client, await camera.post("/api/ingest/slot-002", shot))
    answers = await siege(stack, code_page)
    # What all have together, and then one for each of those who come after.
    assert 300 + 50 <= answers[404] <= 300 + 70
    assert answers[429] == 2 * ADDRESSES - answers[404]
    assert await asked(stack, "GET", f"/s/{code}") == 303
    assert await actions(admin, "result.code_guessed")


async def test_a_short_pin_is_warned_of(admin: httpx.AsyncClient) -> None:
    for pin, short in (("4711", True), ("471135", False), (None, False)):
        gallery = (await admin.post(API, json={"minutes": 5, "pin": pin})).json()
        assert gallery["pin_is_short"] == short
        await admin.delete(f"{API}/{gallery['id']}")


async def test_who_was_told_to_wait_and_does_not_costs_the_database_nothing(
    stack: Stack, tmp_path: Path
) -> None:
    database = Database(make_url(stack.dsn()).set(drivername="postgresql+asyncpg"))
    asked: list[str] = []
    event.listen(database.engine.sync_engine, "before_cursor_execute", lambda *it: asked.append(it[2]))
    guessing = Guessing(database, GuestTokens(tmp_path))

    async def nothing() -> None:
        return None

    async def guess() -> None:
        await guessing.attempt(CODES, "codes", "192.0.2.7", nothing)

    try:
        for _ in range(CODES.of_address[0].count):
            await guess()
        with pytest.raises(RateLimited):
            await guess()
        before = len(asked)
        with pytest.raises(RateLimited) as refused:
            await guess()
        assert len(asked) == before > 0
        assert 0 < (refused.value.retry_after or 0) <= 12
    finally:
        await database.aclose()
