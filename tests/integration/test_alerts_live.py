"""Alerts of the running appliance: trouble, a message, a way out, the all-clear; and the API."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.conftest import Change
from tests.standins import Script, StandIn
from tests.support.camera import Camera, Shot
from tests.support.logins import code
from tests.support.receivers import Receiver, receiving
from tests.support.slots import with_gemini
from tests.support.stack import Stack
from tests.support.waiting import until

SLOT = "slot-010"


@pytest.fixture
async def crew(stack: Stack, admin: httpx.AsyncClient) -> AsyncIterator[Receiver]:
    """A channel that hears of everything; the slot's jobs are long past, before and afterwards."""
    past = "update job_history set created_at = created_at - interval '2 h' where slot_id = $1"
    settings = {"alert_start_quiet_seconds": 0}
    assert (await admin.put("/api/settings", json=settings)).status_code == 200
    async with stack.database() as db:
        await db.execute(past, SLOT)
        with receiving() as web:
            body = {"name": "live crew", "address": f"json://{web.host}/", "severity": "should_know"}
            made = await admin.post("/api/alerts/channels", json=body)
            assert made.status_code == 201, made.text
            try:
                yield web
            finally:
                await admin.delete(f"/api/alerts/channels/{made.json()['id']}")
                await admin.put("/api/settings", json={"alert_start_quiet_seconds": 120})
                await db.execute(past, SLOT)


def about_the_slot(web: Receiver) -> list[str]:
    return [one.json["title"] for one in web.arrived if re.search(r"\b10\b.* picture", one.json["title"])]


async def test_a_channel_that_somebody_removes_as_it_is_changed_is_told_to_be_gone(
    stack: Stack, admin: httpx.AsyncClient
) -> None:
    body = {"name": "two at once", "address": "json://127.0.0.1:9/"}
    made = (await admin.post("/api/alerts/channels", json=body)).json()
    async with stack.database() as somebody, somebody.transaction():
        await somebody.execute("delete from alert_channel where id = $1", made["id"])
        changes = admin.put(f"/api/alerts/channels/{made['id']}", json={"name": "another name"})
        changing = asyncio.create_task(changes)
        waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
        await until(lambda: stack.value(waiting))
    assert code(await changing) == (404, "not_found")


async def test_a_failing_slot_calls_the_crew_and_its_recovery_is_the_all_clear(
    crew: Receiver, camera: Camera, shot: Shot, slot: Change, gemini: StandIn, admin: httpx.AsyncClient
) -> None:
    await slot(SLOT, **with_gemini())
    gemini.script = Script(["refused"] * 3)
    for _ in range(3):
        await camera.post(f"/api/ingest/{SLOT}", shot)
    (first,) = await until(lambda: about_the_slot(crew), seconds=30, every=0.2)
    assert first.startswith("Photos stop: ")
    gemini.script = Script()
    await camera.post(f"/api/ingest/{SLOT}", shot)

    def both() -> bool:
        return len(about_the_slot(crew)) == 2

    await until(both, seconds=30, every=0.2)
    assert about_the_slot(crew)[1] == first.replace("Photos stop: ", "Resolved: ")
    listed: list[dict[str, Any]] = (await admin.get("/api/alerts")).json()["messages"]
    assert [one["kind"] for one in listed if "10" in one["title"]][:2] == ["closed", "opened"]


async def test_who_may_pause_slots_may_silence_but_not_read_addresses(
    admin: httpx.AsyncClient, viewer: httpx.AsyncClient
) -> None:
    assert code(await viewer.put("/api/alerts/silence", json={"minutes": 5})) == (403, "permission_denied")
    assert (await admin.put("/api/alerts/silence", json={"minutes": 5})).status_code == 204
    try:
        assert (await admin.get("/api/alerts")).json()["silence"]["by"] == "serg"
    finally:
        assert (await admin.delete("/api/alerts/silence")).status_code == 204
    assert (await admin.get("/api/alerts")).json()["silence"] is None
    newest = (await admin.get("/api/audit", params={"action": "alerts", "limit": 2})).json()["entries"]
    assert [one["action"] for one in newest] == ["alerts.resumed", "alerts.silenced"]


async def test_a_webhook_hears_of_a_photo_within_seconds(
    admin: httpx.AsyncClient, camera: Camera, shot: Shot
) -> None:
    with receiving() as web:
        body = {"name": "live till", "address": f"http://{web.host}/", "events": ["photo.done"]}
        made = (await admin.post("/api/webhooks", json=body)).json()
        try:
            reply = (await camera.post("/api/ingest/slot-001?reply=json", shot)).json()

            def mine() -> list[Any]:
                return [one for one in web.arrived if one.json["job_id"] == reply["job_id"]]

            await until(mine, seconds=20, every=0.2)
        finally:
            await admin.delete(f"/api/webhooks/{made['id']}")
