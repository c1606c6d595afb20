"""``/api/issues``: what needs attention, on the running appliance."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from appliance.core.clock import utcnow
from tests.conftest import Change
from tests.standins import Script, StandIn
from tests.support.camera import Camera, Shot
from tests.support.metrics import scraped
from tests.support.slots import with_gemini
from tests.support.stack import Stack
from tests.support.waiting import until

SLOT = "slot-009"


@pytest.fixture(autouse=True)
async def fresh(stack: Stack) -> AsyncIterator[None]:
    """The slot's jobs are long past, before and afterwards."""
    past = "update job_history set created_at = created_at - interval '2 h' where slot_id = $1"
    async with stack.database() as db:
        await db.execute(past, SLOT)
        yield
        await db.execute(past, SLOT)


async def issues(client: httpx.AsyncClient, lang: str = "en") -> list[dict[str, Any]]:
    """Those of the slot."""
    reply = await client.get("/api/issues", headers={"Accept-Language": lang})
    assert reply.status_code == 200, reply.text
    return [one for one in reply.json()["issues"] if SLOT in one["slots"]]


async def issue_of(client: httpx.AsyncClient, code: str, *, seconds: float = 20) -> dict[str, Any]:
    """The slot's issue of that code, as soon as there is one."""

    async def found() -> list[dict[str, Any]]:
        return [one for one in await issues(client) if one["code"] == code]

    (issue,) = await until(found, seconds=seconds, every=0.2)
    return dict(issue)


async def gone(client: httpx.AsyncClient) -> None:
    """Wait until the slot has none."""

    async def none() -> bool:
        return not await issues(client)

    await until(none, seconds=20, every=0.2)


async def _failing(camera: Camera, shot: Shot, slot: Change, gemini: StandIn) -> None:
    await slot(SLOT, **with_gemini())
    gemini.script = Script(["refused"] * 3)
    for _ in range(3):
        await camera.post(f"/api/ingest/{SLOT}", shot)


async def test_a_slot_that_fails_is_an_issue_with_its_reason_and_a_button_until_it_delivers(
    viewer: httpx.AsyncClient, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await _failing(camera, shot, slot, gemini)
    issue = await issue_of(viewer, "slot.failing")
    assert (issue["severity"], issue["slots"]) == ("stops_photos", [SLOT])
    assert issue["title"] == "Slot 09 makes no pictures"
    assert issue["parameters"]["provider_reason"] == "IMAGE_SAFETY"
    assert issue["action"]["label"] == "Show the failed photo"
    assert issue["action"]["href"] == f"/admin/jobs/{issue['parameters']['job_id']}"
    (russian,) = await issues(viewer, "ru")
    assert russian["title"] == "Слот 09 не делает снимков"
    await camera.post(f"/api/ingest/{SLOT}", shot)
    await gone(viewer)


LOCAL = {"provider": "local", "operation": "glow", "params": {}}


async def test_a_slot_that_only_its_fallback_delivers_is_an_issue_until_its_first_route_does(
    viewer: httpx.AsyncClient, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await slot(SLOT, **with_gemini(fallbacks=[LOCAL]))
    gemini.script = Script(["refused"] * 3)
    for _ in range(3):
        assert (await camera.post(f"/api/ingest/{SLOT}", shot)).status == 200
    issue = await issue_of(viewer, "slot.fallback")
    assert issue["severity"] == "will_stop"
    assert "The provider's rules refused this photo or prompt." in issue["meaning"]
    assert (issue["action"]["label"], issue["action"]["href"]) == ("Open the slot", f"/admin/slots/{SLOT}")
    assert [one["code"] for one in await issues(viewer)] == ["slot.fallback"]
    await camera.post(f"/api/ingest/{SLOT}", shot)
    await gone(viewer)


async def test_a_booth_that_is_refused_at_the_door_is_an_issue_until_its_next_photo(
    stack: Stack, viewer: httpx.AsyncClient, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await slot(SLOT, **with_gemini())
    booth = Camera(stack.port, address="127.0.9.9")
    assert (await booth.post(f"/api/ingest/{SLOT}", shot)).status == 200
    broken = replace(shot, photo=shot.photo[: len(shot.photo) // 2])
    for _ in range(2):
        assert (await booth.post(f"/api/ingest/{SLOT}", broken)).code == "damaged"
    assert (await booth.post("/api/ingest/slot-9", shot)).code == "slot_not_found"
    issue = await issue_of(viewer, "booth.refused")
    assert (issue["severity"], issue["slots"]) == ("stops_photos", [SLOT])
    assert issue["title"] == "Booth gets no pictures: 127.0.9.9"
    assert issue["meaning"] == "There is no slot “slot-9”. Write it with its zeros: slot-009."
    assert (issue["action"]["label"], issue["action"]["href"]) == ("Show the booths", "/admin/booths")
    (russian,) = await issues(viewer, "ru")
    assert russian["meaning"] == "Слота «slot-9» нет. Пишите номер с нулями: slot-009."
    assert (await booth.post(f"/api/ingest/{SLOT}", shot)).status == 200
    await gone(viewer)
    for _ in range(3):
        await booth.post(f"/api/ingest/{SLOT}", broken)
    assert "damaged" in (await issue_of(viewer, "booth.refused"))["meaning"]
    assert (await booth.post(f"/api/ingest/{SLOT}", shot)).status == 200
    await gone(viewer)


async def test_a_refused_key_is_one_issue_until_a_picture_comes_by_a_new_one(
    stack: Stack, viewer: httpx.AsyncClient, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await slot(SLOT, **with_gemini(fallbacks=[LOCAL]))
    stack.set_keys("gemini", "gemini-key-that-is-refused")
    gemini.revoked.add("gemini-key-that-is-refused")
    assert (await camera.post(f"/api/ingest/{SLOT}", shot)).status == 200
    issue = await issue_of(viewer, "key.refused")
    assert issue["severity"] == "will_stop"
    assert issue["title"] == "Gemini refuses the key …used"
    assert (issue["action"]["label"], issue["action"]["href"]) == (
        "Enter a key",
        "/admin/settings#keys-gemini",
    )
    assert [one["code"] for one in await issues(viewer)] == ["key.refused"]
    stack.set_keys("gemini", "gemini-key-that-works")
    assert (await camera.post(f"/api/ingest/{SLOT}", shot)).status == 200
    await gone(viewer)


async def test_a_slot_whose_provider_has_no_key_yet_is_worth_knowing_and_no_more(
    no_provider_keys: None, viewer: httpx.AsyncClient, slot: Change
) -> None:
    await slot(SLOT, **with_gemini(fallbacks=[LOCAL]))
    assert (await issue_of(viewer, "key.missing", seconds=90))["severity"] == "should_know"
    assert [one["code"] for one in await issues(viewer)] == ["key.missing"]


async def test_an_issue_is_ignored_until_then_and_told_again(
    admin: httpx.AsyncClient,
    scraper: httpx.AsyncClient,
    camera: Camera,
    shot: Shot,
    slot: Change,
    gemini: StandIn,
) -> None:
    await _failing(camera, shot, slot, gemini)
    issue = await issue_of(admin, "slot.failing")
    name = ("photochanger_issues", (("severity", "stops_photos"),))
    before = (await scraped(scraper))[name]
    ahead = (utcnow() + timedelta(hours=2)).isoformat()
    reply = await admin.post(f"/api/issues/{issue['id']}/ignore", json={"until": ahead})
    assert reply.status_code == 200, reply.text
    now = await issue_of(admin, "slot.failing")
    assert (now["ignored_until"], now["ignored_by"]) == (reply.json()["ignored_until"], "serg")
    assert (await scraped(scraper))[name] == before - 1
    reply = await admin.post(f"/api/issues/{issue['id']}/ignore", json={"until": None})
    assert reply.json()["ignored_until"] is None
    entries = (await admin.get("/api/audit?action=issue&limit=2")).json()["entries"]
    assert [one["action"] for one in entries] == ["issue.told_again", "issue.ignored"]
    assert entries[0]["subject"] == issue["key"]


@pytest.mark.parametrize("days", [-1, 91])
async def test_nothing_is_ignored_for_ever_or_until_yesterday(admin: httpx.AsyncClient, days: int) -> None:
    ahead = (utcnow() + timedelta(days=days)).isoformat()
    reply = await admin.post("/api/issues/1/ignore", json={"until": ahead})
    assert reply.status_code == 422
    assert "90 days" in reply.json()["error"]["fields"]["until"]


async def test_what_is_no_issue_cannot_be_ignored(admin: httpx.AsyncClient) -> None:
    ahead = (utcnow() + timedelta(days=1)).isoformat()
    reply = await admin.post("/api/issues/999999999/ignore", json={"until": ahead})
    assert reply.json()["error"]["code"] == "not_found"
