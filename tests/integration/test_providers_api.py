"""What a slot can be built from, and the warm-up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from tests.standins import StandIn
from tests.support.logins import code
from tests.support.slots import with_gemini
from tests.support.stack import Stack

Change = Callable[..., Awaitable[None]]
SLOT = "slot-013"


async def provider(client: httpx.AsyncClient, name: str) -> dict[str, Any]:
    found = (await client.get("/api/providers")).json()["providers"]
    return next(one for one in found if one["name"] == name)


async def test_every_operation_says_what_a_form_needs(viewer: httpx.AsyncClient) -> None:
    body = (await viewer.get("/api/providers")).json()
    assert [one["name"] for one in body["providers"]] == [
        "bfl",
        "comfyui",
        "fal",
        "gemini",
        "local",
        "openai",
        "turbotext",
    ]
    operations = {one["name"]: one for one in (await provider(viewer, "gemini"))["operations"]}
    edit = operations["image_edit"]
    prompt = edit["params_schema"]["properties"]["prompt"]
    assert (prompt["title"], prompt["x-multiline"]) == ("Prompt", True)
    assert edit["params_schema"]["required"] == ["prompt"]
    assert operations["combine"]["template_roles"] == {"reference": True, "background": False, "style": False}
    assert edit["models"][0]["name"] == "gemini-nano-banana-2.1"
    assert edit["models"][0]["typical_seconds"] > 0
    assert "variants" in body["prompt_schema"]["properties"]
    assert "size" in body["output_schema"]["properties"]
    assert body["slot_roles"] == ["overlay"]


async def test_looks_of_the_machine_need_no_key(viewer: httpx.AsyncClient) -> None:
    local = await provider(viewer, "local")
    assert (local["configured"], local["needs_key"], local["keys"]) == (True, False, [])
    assert {"monochrome", "frame"} <= {one["name"] for one in local["operations"]}
    assert all(one["models"] == [] for one in local["operations"])


async def test_keys_are_shown_by_their_last_characters_alone(
    stack: Stack, viewer: httpx.AsyncClient, gemini: StandIn
) -> None:
    stack.set_keys("gemini", "a-very-long-secret-key-9999")
    stack.set_keys("openai")
    reply = await viewer.get("/api/providers")
    assert "long-secret" not in reply.text
    shown = await provider(viewer, "gemini")
    assert [(key["ends_in"], key["rests_for"]) for key in shown["keys"]] == [("…9999", 0)]
    assert (await provider(viewer, "openai"))["configured"] is False


async def test_providers_are_for_those_who_may_see_slots(client: httpx.AsyncClient) -> None:
    assert code(await client.get("/api/providers")) == (401, "not_authenticated")


async def test_the_warm_up_touches_each_active_route_with_each_key(
    stack: Stack, admin: httpx.AsyncClient, slot: Change, gemini: StandIn
) -> None:
    stack.set_keys("gemini", "first-key-000-1111", "second-key-00-2222")
    local = {"provider": "local", "operation": "glow", "params": {}}
    await slot(SLOT, **with_gemini(fallbacks=[local]))
    report = (await admin.post("/api/providers/warm-up")).json()
    touched = {(one["provider"], one["model"], one["key"]): one for one in report["routes"]}
    for key in ("…1111", "…2222"):
        touch = touched["gemini", "gemini-2.5-flash-image", key]
        assert (touch["ok"], touch["reason"]) == (True, None)
        assert SLOT in touch["slots"]
    assert touched["local", None, None]["ok"] is True
    assert report["ok"] is True
    assert report["ms"] < 15_000
    assert gemini.pictures_asked() == 0


async def test_the_warm_up_finds_a_refused_key_and_sets_it_aside(
    stack: Stack, admin: httpx.AsyncClient, slot: Change, gemini: StandIn
) -> None:
    stack.set_keys("gemini", "good-key-0000-3333", "bad-key-00000-4444")
    gemini.revoked.add("bad-key-00000-4444")
    await slot(SLOT, **with_gemini())
    report = (await admin.post("/api/providers/warm-up")).json()
    touched = {one["key"]: one for one in report["routes"] if SLOT in one["slots"]}
    assert report["ok"] is False
    assert (touched["…3333"]["ok"], touched["…4444"]["ok"]) == (True, False)
    assert touched["…4444"]["reason"] == "API_KEY_INVALID"
    resting = {key["ends_in"]: key for key in (await provider(admin, "gemini"))["keys"]}
    assert resting["…4444"]["rests_for"] > 60
    assert resting["…4444"]["reason"] == "API_KEY_INVALID"


async def test_the_warm_up_says_where_a_key_is_missing(
    stack: Stack, admin: httpx.AsyncClient, slot: Change, gemini: StandIn
) -> None:
    stack.set_keys("gemini")
    await slot(SLOT, **with_gemini())
    report = (await admin.post("/api/providers/warm-up")).json()
    (touch,) = [one for one in report["routes"] if SLOT in one["slots"]]
    assert (touch["ok"], touch["key"], touch["reason"]) == (False, None, "no_key")


async def test_who_may_not_test_does_not_warm_up(viewer: httpx.AsyncClient) -> None:
    assert code(await viewer.post("/api/providers/warm-up")) == (403, "permission_denied")


async def test_a_ready_made_look_can_be_saved_into_a_slot_as_it_is(
    admin: httpx.AsyncClient, viewer: httpx.AsyncClient, slot: Change
) -> None:
    await slot(SLOT, **with_gemini())
    looks = (await viewer.get("/api/looks")).json()
    look = next(one for one in looks["looks"] if one["id"] == "watercolour")
    assert looks["categories"][look["category"]]["ru"] == "Живопись"
    saved = await admin.put(f"/api/slots/{SLOT}", json={"params": {"prompt": look["prompt"]["ru"]}})
    assert saved.status_code == 200, saved.text
    assert saved.json()["params"]["prompt"] == look["prompt"]["ru"]


async def test_looks_are_for_those_who_may_see_slots(client: httpx.AsyncClient) -> None:
    assert code(await client.get("/api/looks")) == (401, "not_authenticated")
