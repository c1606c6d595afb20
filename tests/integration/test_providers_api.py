"""What a slot can be built from."""

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
