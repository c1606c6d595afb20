"""Models that end: what providers say of them is learned, told, and answered with another model."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from appliance.core.clock import utcnow
from tests.standins import StandIn
from tests.support.app_processes import Told
from tests.support.camera import Camera, Shot
from tests.support.slots import with_gemini
from tests.support.stack import Stack
from tests.support.waiting import until

Change = Callable[..., Awaitable[None]]
SLOT, OTHER = "slot-013", "slot-014"
MODEL, SUCCESSOR = "gemini-3-pro-image", "gemini-nano-banana-2.1"
LOCAL = {"provider": "local", "operation": "glow", "params": {}}
CHANGE = {"provider": "gemini", "model": MODEL, "by": SUCCESSOR}


@pytest.fixture
def living(gemini: StandIn) -> Iterator[StandIn]:
    """Gemini's stand-in, whose model is there again afterwards."""
    yield gemini
    gemini.announce(MODEL, None)


async def stats(client: httpx.AsyncClient, slot_id: str = SLOT) -> dict[str, Any]:
    found = (await client.get("/api/stats/slots")).json()["slots"]
    slot: dict[str, Any] = next(one for one in found if one["slot_id"] == slot_id)
    return slot


async def test_a_model_that_ends_in_mid_event_is_named_with_its_successor(
    viewer: httpx.AsyncClient, camera: Camera, shot: Shot, slot: Change, living: StandIn
) -> None:
    await slot(SLOT, **with_gemini(model=MODEL, fallbacks=[LOCAL]))
    living.retire(MODEL)
    assert (await camera.post(f"/api/ingest/{SLOT}", shot)).status == 200
    found = await stats(viewer)
    assert found["state"] == "fallback"
    (cause,) = found["why"]
    assert (cause["kind"], cause["said_by"]) == ("model_unknown", "provider")
    assert (cause["model"], cause["successor"]) == (MODEL, SUCCESSOR)
    assert cause["advice"]["ru"]["do"]


async def test_a_model_is_well_again_once_it_delivers(
    viewer: httpx.AsyncClient, camera: Camera, shot: Shot, slot: Change, living: StandIn
) -> None:
    await slot(SLOT, **with_gemini(model=MODEL, fallbacks=[LOCAL]))
    living.retire(MODEL)
    await camera.post(f"/api/ingest/{SLOT}", shot)
    living.announce(MODEL, None)
    await camera.post(f"/api/ingest/{SLOT}", shot)
    assert ((await stats(viewer))["state"], (await stats(viewer))["why"]) == ("ready", [])


async def test_the_end_that_an_answer_announces_is_told_and_kept(
    stack: Stack,
    viewer: httpx.AsyncClient,
    camera: Camera,
    shot: Shot,
    slot: Change,
    living: StandIn,
    told: Told,
) -> None:
    await slot(SLOT, **with_gemini(model=MODEL))
    last = utcnow().date() + timedelta(days=9)
    living.announce(MODEL, last)
    await camera.post(f"/api/ingest/{SLOT}", shot)

    async def is_said() -> Any:
        found = await stats(viewer)
        return found if found["why"] else None

    found = await told(is_said)
    (cause,) = found["why"]
    assert (found["state"], cause["kind"], cause["ends_on"]) == ("ready", "model_ending", last.isoformat())

    async def kept() -> bool:
        return bool(await stack.value("select ends_on = $1 from model_fact where model = $2", last, MODEL))

    await until(kept)
    living.announce(MODEL, None)
    await camera.post(f"/api/ingest/{SLOT}", shot)

    async def is_taken_back() -> bool:
        return not (await stats(viewer))["why"]

    await told(is_taken_back)


async def test_another_model_is_used_in_all_slots_at_once_and_the_history_goes_back(
    stack: Stack, admin: httpx.AsyncClient, slot: Change, gemini: StandIn
) -> None:
    await slot(SLOT, **with_gemini(model=MODEL, params={"prompt": "a knight", "image_size": "2K"}))
    await slot(OTHER, active=False, fallbacks=[{**LOCAL, "provider": "gemini", "operation": "image_edit",
               "model": MODEL, "params": {"prompt": "a queen"}}])  # fmt: skip
    made = await admin.post("/api/providers/model-change", json=CHANGE)
    assert made.status_code == 200, made.text
    assert {one["slot_id"] for one in made.json()["slots"]} >= {SLOT, OTHER}
    saved = (await admin.get(f"/api/slots/{SLOT}")).json()
    assert (saved["model"], saved["params"]) == (SUCCESSOR, {"prompt": "a knight", "image_size": "2K"})
    assert (await admin.get(f"/api/slots/{OTHER}")).json()["fallbacks"][0]["model"] == SUCCESSOR
    logged = await stack.value(
        "select detail ->> 'by' from audit_log where action = 'slot.model_changed' and subject = $1", SLOT
    )
    assert logged == SUCCESSOR
    back = await admin.post(f"/api/slots/{SLOT}/history/{saved['version'] - 1}/restore")
    assert back.json()["model"] == MODEL


async def test_what_cannot_be_carried_over_is_named_before_it_is_saved(
    admin: httpx.AsyncClient, slot: Change, gemini: StandIn
) -> None:
    before = "gemini-3.1-flash-image"
    wanted = {**CHANGE, "model": before}
    await slot(SLOT, **with_gemini(model=before, params={"prompt": "a knight", "image_size": "512"}))
    looked = (await admin.get("/api/providers/model-change", params=wanted)).json()
    (one,) = [one for one in looked["slots"] if one["slot_id"] == SLOT]
    assert one["lost"] == [{"field": "params.image_size", "value": "512", "becomes": "auto"}]
    refused = await admin.post("/api/providers/model-change", json=wanted)
    assert refused.status_code == 422
    assert refused.json()["error"]["fields"][f"{SLOT}.params.image_size"] == "512 becomes auto"
    assert (await admin.get(f"/api/slots/{SLOT}")).json()["model"] == before
    await admin.post("/api/providers/model-change", json={**wanted, "accept": True})
    saved = (await admin.get(f"/api/slots/{SLOT}")).json()
    assert (saved["model"], saved["params"]) == (SUCCESSOR, {"prompt": "a knight"})


async def test_a_slot_that_asks_any_other_app_of_fal_uses_none_of_its_models(
    admin: httpx.AsyncClient, slot: Change
) -> None:
    app = {"app": "fal-ai/qwen-image-edit", "prompt": "a knight"}
    await slot(SLOT, provider="fal", operation="any_app", model=None, params=app, fallbacks=[])
    wanted = {"provider": "fal", "model": "google/nano-banana-2.1/edit", "by": "fal-ai/flux-pro/kontext"}
    looked = (await admin.get("/api/providers/model-change", params=wanted)).json()
    assert SLOT not in {one["slot_id"] for one in looked["slots"]}
    offered = (await admin.get("/api/providers")).json()["providers"]
    (fal,) = [one for one in offered if one["name"] == "fal"]
    assert {one["name"]: bool(one["models"]) for one in fal["operations"]} == {
        "image_edit": True,
        "any_app": False,
    }


@pytest.mark.parametrize("wrong", [{"by": "no-such-model"}, {"provider": "nobody"}, {"by": MODEL}])
async def test_a_change_to_no_known_model_is_refused(admin: httpx.AsyncClient, wrong: dict[str, str]) -> None:
    assert (await admin.post("/api/providers/model-change", json=CHANGE | wrong)).status_code == 422


async def test_the_verb_asks_each_provider_and_says_what_is_gone_and_what_is_new(
    stack: Stack, provider_ports: dict[str, int], living: StandIn
) -> None:
    living.retire(MODEL)
    urls = ",".join(f"{name}=http://127.0.0.1:{port}" for name, port in provider_ports.items())
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "appliance", "models", "--check", "--json",
        env=stack.environment(PHOTOCHANGER_PROVIDER_BASE_URLS=urls), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said = json.loads((await process.communicate())[0])
    (gone,) = [one for one in said["models"] if one["model"] == MODEL]
    assert (gone["state"], gone["said_by"], gone["successor"]) == ("unknown", "provider", SUCCESSOR)
    (ending,) = [one for one in said["models"] if one["model"] == "gpt-image-1.5"]
    assert ending["ends_on"] == "2026-12-01"
    asked = {one["provider"]: one for one in said["asked"]}
    assert asked["gemini"]["failed"] is None
    assert "gpt-image-2.5-flare-2026-09-08" in asked["openai"]["unknown_here"]
