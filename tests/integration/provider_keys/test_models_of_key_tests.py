"""A key's test asks for the models that slots use, and ends what the key had brought about."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from appliance.core.clock import utcnow
from tests.conftest import Change
from tests.standins import Script, StandIn, Step
from tests.support.camera import Camera, Shot
from tests.support.keys import MODEL, SLOT, URL, entered, listed, made_up
from tests.support.slots import with_gemini
from tests.support.stack import Stack

LOCAL = {"provider": "local", "operation": "glow", "params": {}}


@pytest.fixture
async def living(gemini: StandIn, slot: Change, admin: httpx.AsyncClient) -> AsyncIterator[StandIn]:
    """Gemini's stand-in, asked by one slot for one model, which is there again afterwards."""
    await slot(SLOT, **with_gemini(model=MODEL, fallbacks=[LOCAL]))
    await known_to_be_there(admin)  # whatever the tests before had heard of it
    yield gemini
    gemini.announce(MODEL, None)
    gemini.probes = Step()
    await known_to_be_there(admin)


async def known_to_be_there(admin: httpx.AsyncClient) -> None:
    """The appliance has just heard of the model, by the test of a key that is gone again."""
    view = await entered(admin, "gemini", made_up("gemini"))
    assert (await admin.delete(f"{URL}/{view['id']}")).status_code in (200, 204)


async def again(admin: httpx.AsyncClient, key_id: str) -> dict[str, Any]:
    reply = await admin.post(f"{URL}/{key_id}/test")
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def of_model(view: dict[str, Any], model: str = MODEL) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in view["models"] if one["model"] == model)
    return found


async def state(admin: httpx.AsyncClient) -> tuple[str, list[str]]:
    """The slot's state, and what is said of its models: how earlier photos ended is not what is asked."""
    slots = (await admin.get("/api/stats/slots")).json()["slots"]
    found = next(one for one in slots if one["slot_id"] == SLOT)
    return found["state"], [cause["kind"] for cause in found["why"] if cause["kind"] != "last_failure"]


async def test_a_test_asks_for_the_models_of_active_slots_and_for_no_picture(
    admin: httpx.AsyncClient, living: StandIn
) -> None:
    key = made_up("gemini")
    reply = await admin.post(f"{URL}/test", json={"provider": "gemini", "key": key})
    assert of_model(reply.json()) == {
        "model": MODEL, "ok": True, "reason": None, "detail": "", "ends_on": None,
    }  # fmt: skip
    asked = [call.path for call in living.calls if call.key == key]
    assert f"/v1beta/models/{MODEL}" in asked
    assert living.pictures_asked() == 0


async def test_a_model_that_is_gone_is_told_when_the_key_is_entered_and_on_the_slots_card(
    admin: httpx.AsyncClient, living: StandIn
) -> None:
    living.retire(MODEL)
    view = await entered(admin, "gemini", made_up("gemini"))
    assert view["last_test"]["outcome"] == "works"
    told = of_model(view["last_test"])
    assert (told["ok"], told["reason"]) == (False, "model_not_found")
    assert await state(admin) == ("fallback", ["model_unknown"])
    used = of_model(await listed(admin, "gemini"))
    assert (used["state"], used["said_by"], used["slots"]) == ("unknown", "provider", [SLOT])
    assert used["asked_at"] is not None
    living.announce(MODEL, None)
    assert of_model(await again(admin, view["id"]))["ok"]
    assert await state(admin) == ("ready", [])


async def test_what_a_key_that_is_not_kept_gets_changes_nothing_that_is_known(
    admin: httpx.AsyncClient, living: StandIn
) -> None:
    await entered(admin, "gemini", made_up("gemini"))
    living.retire(MODEL)
    reply = await admin.post(f"{URL}/test", json={"provider": "gemini", "key": made_up("gemini")})
    assert not of_model(reply.json())["ok"]
    assert of_model(await listed(admin, "gemini"))["state"] == "current"


async def test_what_one_keys_account_has_not_is_not_held_against_the_others(
    admin: httpx.AsyncClient, living: StandIn
) -> None:
    await entered(admin, "gemini", made_up("gemini"))
    living.retire(MODEL)
    view = await entered(admin, "gemini", made_up("gemini"))
    assert not of_model(view["last_test"])["ok"]
    assert of_model(await listed(admin, "gemini"))["state"] == "current"


async def test_openais_word_of_a_models_last_day_is_learned_by_a_keys_test(
    admin: httpx.AsyncClient, standins: dict[str, StandIn], slot: Change
) -> None:
    openai = standins["openai"]
    model, last = "gpt-image-2", utcnow().date() + timedelta(days=200)
    await slot(SLOT, active=True, provider="openai", operation="image_edit", model=model,
               params={"prompt": "a queen"}, fallbacks=[])  # fmt: skip
    openai.announce(model, last)
    try:
        view = await entered(admin, "openai", made_up("openai"))
        assert of_model(view["last_test"], model)["ends_on"] == last.isoformat()
        used = of_model(await listed(admin, "openai"), model)
        assert (used["ends_on"], used["said_by"]) == (last.isoformat(), "provider")
    finally:
        openai.announce(model, None)
        await again(admin, view["id"])


@pytest.mark.parametrize("refusal", ["bad_key", "service_disabled", "location", "billing"])
async def test_a_good_test_ends_the_fallback_state_that_came_from_the_key(
    admin: httpx.AsyncClient, living: StandIn, camera: Camera, shot: Shot, refusal: str
) -> None:
    view = await entered(admin, "gemini", made_up("gemini"))
    living.script = Script([refusal])
    assert (await camera.post(f"/api/ingest/{SLOT}", shot)).status == 200
    kind, causes = await state(admin)
    assert (kind, causes[0]) == ("fallback", "primary_failed")
    assert (await again(admin, view["id"]))["outcome"] == "works"
    assert await state(admin) == ("ready", ["not_tried_since"])
    assert (await camera.post(f"/api/ingest/{SLOT}", shot)).status == 200
    assert await state(admin) == ("ready", [])


async def test_a_test_that_fails_leaves_the_slot_on_its_fallback(
    admin: httpx.AsyncClient, living: StandIn, camera: Camera, shot: Shot
) -> None:
    view = await entered(admin, "gemini", made_up("gemini"))
    living.script, living.probes = Script(["service_disabled"]), Step("service_disabled")
    assert (await camera.post(f"/api/ingest/{SLOT}", shot)).status == 200
    assert (await again(admin, view["id"]))["reason"] == "service_disabled"
    assert await state(admin) == ("fallback", ["primary_failed"])


async def test_a_good_test_of_a_key_in_a_file_counts_as_well(
    admin: httpx.AsyncClient, living: StandIn, camera: Camera, shot: Shot, stack: Stack
) -> None:
    stack.set_keys("gemini", made_up("gemini"))
    living.script = Script(["bad_key"])
    assert (await camera.post(f"/api/ingest/{SLOT}", shot)).status == 200
    (key,) = (await listed(admin, "gemini"))["keys"]
    assert (await again(admin, key["id"]))["outcome"] == "works"
    assert await state(admin) == ("ready", ["not_tried_since"])
