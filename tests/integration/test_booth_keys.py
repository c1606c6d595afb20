"""Booths with keys of their own: let in by them, closed one by one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from appliance.core.db import Database
from appliance.ingest.booth_keys.service import BoothKeys, make_booth_key
from appliance.ingest.unproven import PLACES_OF_ADDRESS
from appliance.ingest.wrong_passwords import PER_ADDRESS, WrongPasswords
from tests.support.camera import BOUNDARY, Camera, Reply, Shot, file_part, read_body, read_head
from tests.support.logins import new_address
from tests.support.stack import Stack
from tests.support.waiting import until

KEYS = "/api/booth-keys"
SLOT = "/api/ingest/slot-001?reply=json"
MakeKey = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
async def make_key(admin: httpx.AsyncClient, stack: Stack) -> AsyncIterator[MakeKey]:
    """``await make_key("Bar", slots=["slot-001"])``: a booth's key, gone after the test."""
    made: list[str] = []

    async def make(name: str, **more: Any) -> dict[str, Any]:
        answer = await admin.post(KEYS, json={"name": name, **more})
        assert answer.status_code == 201, answer.text
        made.append(answer.json()["id"])
        found: dict[str, Any] = answer.json()
        return found

    yield make
    async with stack.database() as db:
        await db.execute("delete from booth_key where id = any($1::uuid[])", made)


@pytest.fixture
def booth(stack: Stack) -> Camera:
    """A booth at an address that nothing has called from before."""
    return Camera(stack.port, address=new_address())


async def fields_of(stack: Stack, reply: Reply) -> str:
    """All that the job's row holds of what the booth said."""
    found: str = await stack.value(
        "select (request_fields::text || query_fields::text) from job_history where job_id = $1::uuid",
        reply.json()["job_id"],
    )
    return found


async def test_a_key_in_the_address_stands_for_the_password(
    make_key: MakeKey, booth: Camera, shot: Shot, stack: Stack
) -> None:
    key = (await make_key("Address"))["key"]
    shot.password = None
    reply = await booth.post(f"{SLOT}&key={key}&table=7", shot)
    assert reply.status == 200, reply.body
    kept = await fields_of(stack, reply)
    assert "booth-" not in kept
    assert '"table": "7"' in kept


@pytest.mark.parametrize("name", ["key", "password"])
async def test_a_key_in_a_field_stands_for_the_password(
    name: str, make_key: MakeKey, booth: Camera, shot: Shot, stack: Stack
) -> None:
    key = (await make_key(f"Field {name}"))["key"]
    shot.password = None
    shot.fields |= {name: f" {key.upper()}\r\n"}  # as a tablet may write it
    reply = await booth.post(SLOT, shot)
    assert reply.status == 200, reply.body
    assert key[-9:] not in (await fields_of(stack, reply)).lower()


async def test_a_field_called_key_that_holds_something_else_is_like_any_other(
    booth: Camera, shot: Shot, stack: Stack
) -> None:
    shot.fields |= {"key": "C major"}
    reply = await booth.post(SLOT, shot)
    assert reply.status == 200, reply.body
    assert '"key": "C major"' in await fields_of(stack, reply)
    shot.password = None
    assert (await booth.post(SLOT, shot)).code == "invalid_booth_key"


async def test_a_revoked_booth_is_closed_at_once_and_no_other_is(
    make_key: MakeKey, booth: Camera, shot: Shot, admin: httpx.AsyncClient
) -> None:
    lost, other = await make_key("Lost"), await make_key("Other")
    with_password = Shot(shot.photo, shot.password)
    shot.password = None
    assert (await booth.post(f"{SLOT}&key={lost['key']}", shot)).status == 200
    revoked = await admin.delete(f"{KEYS}/{lost['id']}")
    assert revoked.json()["revoked_by"] == "serg"
    for _ in range(2):
        reply = await booth.post(f"{SLOT}&key={lost['key']}", shot)
        assert (reply.status, reply.code) == (401, "invalid_booth_key")
    assert (await booth.post(f"{SLOT}&key={other['key']}", shot)).status == 200
    assert (await booth.post(SLOT, with_password)).status == 200
    assert (await admin.delete(f"{KEYS}/{lost['id']}")).json() == revoked.json()


async def test_a_wrong_key_is_refused_although_the_password_is_right(booth: Camera, shot: Shot) -> None:
    assert (await booth.post(f"{SLOT}&key={make_booth_key()}", shot)).code == "invalid_booth_key"
    shot.fields |= {"key": make_booth_key()}
    assert (await booth.post(SLOT, shot)).code == "invalid_booth_key"


async def test_a_wrong_key_in_the_address_is_told_before_the_photo_is_sent(booth: Camera) -> None:
    reader, writer = await booth.connection()
    head = booth.head(f"{SLOT}&key=nonsense", 5_000_000)
    writer.write(head.replace(b"Expect: 100-continue\r\n", b""))
    status, headers = await asyncio.wait_for(read_head(reader), 20)
    body = await read_body(reader, headers)
    writer.close()
    assert status == 401
    assert b"invalid_booth_key" in body
    assert b"nonsense" not in body


async def test_a_key_for_certain_slots_opens_no_other(
    make_key: MakeKey, booth: Camera, shot: Shot, admin: httpx.AsyncClient
) -> None:
    made = await make_key("Bound", slots=["slot-002"])
    shot.password = None
    reply = await booth.post(f"{SLOT}&key={made['key']}", shot)
    assert reply.status == 401
    assert "slot-002" in reply.json()["error"]["message"]
    assert (await booth.post(f"/api/ingest/slot-002?reply=json&key={made['key']}", shot)).status == 200
    changed = await admin.patch(f"{KEYS}/{made['id']}", json={"slots": []})
    assert changed.json()["slots"] == []
    assert (await booth.post(f"{SLOT}&key={made['key']}", shot)).status == 200


async def test_wrong_keys_are_counted_with_wrong_passwords_and_shut_no_booth_out(
    make_key: MakeKey, booth: Camera, shot: Shot, admin: httpx.AsyncClient
) -> None:
    key = (await make_key("Beside a guesser"))["key"]
    right, shot.password = Shot(shot.photo, shot.password), None
    assert (await booth.post(f"{SLOT}&key={key}", shot)).status == 200
    assert (await booth.post(SLOT, right)).status == 200
    answers = [await booth.post(f"{SLOT}&key={make_booth_key()}", shot) for _ in range(PER_ADDRESS.count + 4)]
    assert {answer.status for answer in answers} == {401, 429}
    assert answers[-1].json()["error"]["retry_after"] >= 1
    guess = Shot(shot.photo, "a guess of the password")
    assert (await booth.post(SLOT, guess)).status == 429
    assert (await booth.post(f"{SLOT}&key={key}", shot)).status == 200
    assert (await booth.post(SLOT, right)).status == 200
    entries = (await admin.get("/api/audit", params={"action": "booth_key.refused"})).json()["entries"]
    assert entries[0]["address"] == (booth._own or ("",))[0]


async def test_an_upload_with_a_key_in_its_address_waits_for_no_password(
    make_key: MakeKey, booth: Camera, shot: Shot, stack: Stack, app_processes: int
) -> None:
    """Strangers at the same address may hold all its places: each process has as many."""
    places = PLACES_OF_ADDRESS * app_processes
    key = (await make_key("Crowded"))["key"]
    shot.password = None
    strangers = []
    start = f"--{BOUNDARY}\r\n".encode() + file_part(shot.photo[:500])
    for _ in range(places):
        _, writer = await booth.connection()
        writer.write(booth.head(SLOT, 10_000).replace(b"Expect: 100-continue\r\n", b"") + start)
        strangers.append(writer)
    try:
        await until(lambda: len(stack.temp_files()) >= places, seconds=20)
        assert (await booth.post(SLOT, shot)).status == 429
        assert (await booth.post(f"{SLOT}&key={key}", shot)).status == 200
    finally:
        for writer in strangers:
            writer.transport.abort()


async def test_staff_see_when_and_where_a_booth_was_last(
    make_key: MakeKey, booth: Camera, shot: Shot, admin: httpx.AsyncClient, stack: Stack
) -> None:
    made = await make_key("Seen")
    assert made["seen_at"] is None
    shot.password = None

    async def listed() -> dict[str, Any]:
        keys = (await admin.get(KEYS)).json()["keys"]
        found: dict[str, Any] = next(one for one in keys if one["id"] == made["id"])
        return found

    for slot_id in ("slot-001", "slot-002"):
        assert (await booth.post(f"/api/ingest/{slot_id}?key={made['key']}", shot)).status == 200
        seen = await listed()
        assert (seen["seen_from"], seen["seen_slot"]) == ((booth._own or ("",))[0], slot_id)
    assert "key" not in seen
    assert seen["ends_in"] == f"…{made['key'][-4:]}"

    async def written() -> bool:
        slot = await stack.value("select seen_slot from booth_key where id = $1::uuid", made["id"])
        return bool(slot == "slot-002")

    await until(written, seconds=20)


async def test_names_are_told_apart_and_changed(make_key: MakeKey, admin: httpx.AsyncClient) -> None:
    made = await make_key("  By   the bar ")
    assert made["name"] == "By the bar"
    again = await admin.post(KEYS, json={"name": "by the BAR"})
    assert again.json()["error"]["fields"] == {"name": "another booth has this name"}
    for wrong in ({"name": " "}, {"name": "x", "slots": ["slot-099"]}, {"name": "x", "key": "mine"}):
        assert (await admin.post(KEYS, json=wrong)).status_code == 422
    renamed = await admin.patch(f"{KEYS}/{made['id']}", json={"name": "Bar"})
    assert renamed.json()["name"] == "Bar"
    entries = (await admin.get("/api/audit", params={"action": "booth_key.changed"})).json()["entries"]
    assert entries[0]["detail"]["changes"] == {"name": {"from": "By the bar", "to": "Bar"}}


async def test_a_process_that_ends_does_not_write_over_what_another_has_seen_since(
    make_key: MakeKey, stack: Stack, database: Database
) -> None:
    """It has seen the booth twice in a row, of which only the first was worth a row at once."""
    made = await make_key("Seen by two")
    first, second = (BoothKeys(database, WrongPasswords()) for _ in range(2))
    for keys, address in ((first, "10.0.0.1"), (first, "10.0.0.1"), (second, "10.0.0.2")):
        await keys.recognise(made["key"], "slot-001", address)
        await keys._writes.written()
    await first.aclose()
    assert await stack.value("select seen_from from booth_key where id = $1::uuid", made["id"]) == "10.0.0.2"
