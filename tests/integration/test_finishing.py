"""A slot's overlay and other finishing, on pictures that were made at the last moment."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from PIL import Image

from tests.standins import Script, StandIn, Step
from tests.support.camera import Camera, Shot
from tests.support.slots import with_gemini
from tests.support.stack import Stack

Change = Callable[..., Awaitable[None]]
SLOT = "slot-012"
LOCAL = {"provider": "local", "operation": "glow", "params": {}}
DEADLINE = 4  # seconds
MODEL = "gemini-nano-banana-2.1"  # whose circuit no other test opens


@pytest.fixture
async def framed_slot(admin: httpx.AsyncClient, slot: Change, gemini: StandIn) -> AsyncIterator[None]:
    """A slot with a red overlay, whose provider is too slow: its fallback's picture is held."""
    gemini.script = Script([Step("slow", seconds=10)])
    await slot(SLOT, **with_gemini(model=MODEL, fallbacks=[LOCAL], deadline_seconds=DEADLINE))
    red = io.BytesIO()
    Image.new("RGB", (300, 400), "red").save(red, "PNG")
    file = {"file": ("frame.png", red.getvalue(), "image/png")}
    made = (await admin.post("/api/template-media/register", files=file)).json()
    await admin.put(f"/api/slots/{SLOT}", json={"template_media": {"overlay": made["id"]}})
    yield
    await admin.put(f"/api/slots/{SLOT}", json={"template_media": {}})
    await admin.delete(f"/api/template-media/{made['id']}")


async def test_a_picture_that_was_held_until_the_deadline_gets_the_slots_overlay(
    camera: Camera, shot: Shot, framed_slot: None
) -> None:
    reply = await camera.post(f"/api/ingest/{SLOT}?reply=image", shot)
    assert reply.status == 200, reply.body
    red, green, blue = Image.open(io.BytesIO(reply.body)).convert("RGB").getpixel((200, 200))  # type: ignore[misc]
    assert red > 200
    assert max(green, blue) < 50


async def test_providers_leave_a_second_where_an_overlay_is_to_be_put_on(
    stack: Stack, camera: Camera, shot: Shot, framed_slot: None
) -> None:
    reply = await camera.post(f"/api/ingest/{SLOT}?reply=json", shot)
    attempts = (await stack.row(reply.headers["x-job-id"]))["attempts"]
    given_up = next(one for one in attempts if one["provider"] == "gemini")
    assert given_up["outcome"] != "skipped"
    assert given_up["started_ms"] + given_up["ms"] < (DEADLINE - 0.5) * 1000
