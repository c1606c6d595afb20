"""A provider ends a model in mid-event: somebody sees it, taps once, and guests get AI pictures again."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator

import pytest

from tests.browser.conftest import MakePerson
from tests.standins import StandIn
from tests.support.camera import Camera, Shot
from tests.support.slots import with_gemini
from tests.support.stack import Stack

Change = Callable[..., Awaitable[None]]
SLOTS = ("slot-003", "slot-004")
MODEL, SUCCESSOR = "gemini-3.1-flash-lite-image", "gemini-nano-banana-2.1"
LOCAL = {"provider": "local", "operation": "glow", "params": {}}


@pytest.fixture
def living(gemini: StandIn) -> Iterator[StandIn]:
    """Gemini's stand-in, whose model is there again afterwards."""
    yield gemini
    gemini.announce(MODEL, None)


async def delivered_by(stack: Stack, camera: Camera, shot: Shot, slot_id: str) -> tuple[str, float]:
    """Who made the picture of a photo that is posted now, and how long that took."""
    since = time.monotonic()
    reply = await camera.post(f"/api/ingest/{slot_id}?reply=image", shot)
    assert reply.status == 200
    made = (await stack.row(reply.headers["x-job-id"]))["attempts"][-1]
    assert made["outcome"] == "delivered"
    return made["provider"], time.monotonic() - since


@pytest.mark.parametrize(("size", "lang"), [("phone", "ru")])
async def test_a_model_retired_in_mid_event_is_named_at_once_and_replaced_with_one_tap(
    admin_person: MakePerson,
    stack: Stack,
    camera: Camera,
    shot: Shot,
    slot: Change,
    living: StandIn,
    size: str,
    lang: str,
) -> None:
    for slot_id in SLOTS:
        await slot(slot_id, **with_gemini(model=MODEL, fallbacks=[LOCAL]))
    assert (await delivered_by(stack, camera, shot, SLOTS[0]))[0] == "gemini"
    someone = await admin_person(size=size, lang=lang)
    await someone.go("/admin/")
    await someone.page.wait_for_selector(f"#{SLOTS[0]}.is-ready")
    for slot_id in SLOTS:
        await someone.unfold_card(slot_id)

    living.retire(MODEL)
    provider, took = await delivered_by(stack, camera, shot, SLOTS[0])
    assert provider == "local"
    assert took < 5
    await someone.page.wait_for_selector(f"#{SLOTS[0]}.is-fallback .why", timeout=10_000)
    assert MODEL in await someone.text(f"#{SLOTS[0]} .why")
    await someone.page.wait_for_selector(f"#{SLOTS[1]}.is-fallback .why", timeout=10_000)
    await someone.screenshot("model-ended")
    await someone.go(f"/admin/slots/{SLOTS[1]}")
    assert await someone.page.locator(".note [data-keep=model-change]").count() == 1
    await someone.go("/admin/")
    assert await someone.violations() == []
    assert await someone.sideways() == 0

    await someone.unfold_card(SLOTS[0])
    await someone.page.click(f"#{SLOTS[0]} [data-keep=model-change]")
    assert (
        await someone.toast()
        == {"en": "All slots now use the new model.", "ru": "Во всех слотах теперь другая модель."}[lang]
    )
    for slot_id in SLOTS:
        await someone.page.wait_for_selector(f"#{slot_id}.is-ready")
        assert (await delivered_by(stack, camera, shot, slot_id))[0] == "gemini"
        assert await stack.value("select model from slot where slot_id = $1", slot_id) == SUCCESSOR


async def test_what_the_new_model_does_not_take_is_named_before_anything_is_saved(
    admin_person: MakePerson, stack: Stack, camera: Camera, shot: Shot, slot: Change, living: StandIn
) -> None:
    await slot(SLOTS[0], **with_gemini(model="gemini-3.1-flash-image", fallbacks=[LOCAL]))
    await slot(SLOTS[0], params={"prompt": "a knight", "image_size": "512"})
    living.retire("gemini-3.1-flash-image")
    await delivered_by(stack, camera, shot, SLOTS[0])
    someone = await admin_person(size="phone")
    await someone.go("/admin/")
    await someone.unfold_card(SLOTS[0])
    await someone.page.click(f"#{SLOTS[0]} [data-keep=model-change]")
    await someone.page.wait_for_selector("dialog[open] :text('512')")
    await someone.screenshot("model-change")
    assert await someone.violations() == []
    assert (
        await stack.value("select model from slot where slot_id = $1", SLOTS[0]) == "gemini-3.1-flash-image"
    )
    await someone.page.click("dialog[open] button.primary")
    assert await someone.toast() == "All slots now use the new model."
    assert await stack.value("select model from slot where slot_id = $1", SLOTS[0]) == SUCCESSOR
    living.announce("gemini-3.1-flash-image", None)
