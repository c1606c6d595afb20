"""Slots that only their fallbacks deliver, and slots that a test showed to be well again."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from appliance.staff.stats.queries import NEWEST
from tests.conftest import Change
from tests.integration.test_stats import LOCAL, SLOT, fresh, stats
from tests.standins import Script, StandIn
from tests.support.camera import Camera, Shot
from tests.support.keys import entered, made_up
from tests.support.photos import portrait_jpeg
from tests.support.slots import with_gemini
from tests.support.uploads import upload

__all__ = ["fresh"]


async def test_a_slot_whose_newest_photos_all_came_by_a_fallback_says_so_until_its_first_route_delivers(
    viewer: httpx.AsyncClient, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await slot(SLOT, **with_gemini(fallbacks=[LOCAL], params={"prompt": "one that is always refused"}))
    gemini.script = Script(["refused"] * NEWEST)
    for number in range(NEWEST):
        reply = await camera.post(f"/api/ingest/{SLOT}", shot)
        assert reply.status == 200
        assert (await stats(viewer))["state"] == ("fallback" if number == NEWEST - 1 else "ready")
    (cause,) = (await stats(viewer))["why"]
    assert (cause["kind"], cause["provider_reason"]) == ("fallback_only", "IMAGE_SAFETY")
    assert cause["job_id"] == reply.headers["x-job-id"]
    assert "word the slot's prompt more carefully" in cause["advice"]["en"]["do"]
    await camera.post(f"/api/ingest/{SLOT}", shot)
    assert ((await stats(viewer))["state"], (await stats(viewer))["why"]) == ("ready", [])


@pytest.mark.parametrize("fallbacks", [[], [LOCAL]])
async def test_a_slot_is_ready_again_when_a_test_of_it_made_a_picture(
    admin: httpx.AsyncClient,
    camera: Camera,
    shot: Shot,
    slot: Change,
    gemini: StandIn,
    fallbacks: list[dict[str, Any]],
) -> None:
    await slot(SLOT, **with_gemini(fallbacks=fallbacks))
    gemini.script = Script(["refused"] * (NEWEST + 1))
    for _ in range(NEWEST):
        await camera.post(f"/api/ingest/{SLOT}", shot)
    state = (await stats(admin))["state"]
    assert state == ("fallback" if fallbacks else "failing")
    for after in (state, "ready"):  # the first test is refused as well
        await upload(admin, f"/api/slots/{SLOT}/test-run?wait=1", portrait_jpeg())
        assert (await stats(admin))["state"] == after
    assert (await stats(admin))["why"] == []
    gemini.script = Script(["refused"])
    await camera.post(f"/api/ingest/{SLOT}", shot)
    assert (await stats(admin))["state"] == state, "at the first guest who gets none again"


async def test_a_slot_whose_provider_is_away_says_that_with_and_without_a_fallback(
    viewer: httpx.AsyncClient, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await slot(SLOT, **with_gemini(deadline_seconds=10, permits=5))
    gemini.script = Script(then="reset")
    await asyncio.gather(*(camera.post(f"/api/ingest/{SLOT}", shot) for _ in range(5)))
    found = await stats(viewer)
    assert (found["state"], found["why"][0]["kind"]) == ("failing", "circuit_open")
    assert "could not be reached" in found["why"][0]["advice"]["en"]["what"]
    await slot(SLOT, fallbacks=[LOCAL])
    for _ in range(NEWEST):  # the route is left alone for now
        assert (await camera.post(f"/api/ingest/{SLOT}", shot)).status == 200
    found = await stats(viewer)
    assert (found["state"], found["why"][0]["kind"]) == ("fallback", "fallback_only")
    assert "could not be reached" in found["why"][0]["advice"]["en"]["what"]
    await slot(SLOT, fallbacks=[])
    gemini.script = Script()
    assert (await camera.post(f"/api/ingest/{SLOT}", shot)).status == 200
    assert ((await stats(viewer))["state"], (await stats(viewer))["why"]) == ("ready", [])


@pytest.mark.usefixtures("no_provider_keys")
async def test_a_slot_that_failed_for_its_key_is_ready_again_when_another_passed_its_test(
    admin: httpx.AsyncClient, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await entered(admin, "gemini", made_up("gemini"))
    await slot(SLOT, **with_gemini())
    gemini.script = Script(["bad_key"])
    for _ in range(NEWEST):
        assert (await camera.post(f"/api/ingest/{SLOT}", shot)).status >= 500
    assert (await stats(admin))["state"] == "failing"
    await slot(SLOT, **LOCAL)
    assert (await stats(admin))["state"] == "failing", "a route without keys has not shown that it works"
    await slot(SLOT, **with_gemini())
    await entered(admin, "gemini", made_up("gemini"))
    assert ((await stats(admin))["state"], (await stats(admin))["why"]) == ("ready", [])
    assert (await camera.post(f"/api/ingest/{SLOT}", shot)).status == 200
