"""A fallback's picture that is held while the better route may still make it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from tests.standins import Script, StandIn, Step
from tests.support.camera import Camera, Shot
from tests.support.slots import with_gemini
from tests.support.stack import Stack
from tests.support.waiting import until

Change = Callable[..., Awaitable[None]]
SLOT = "slot-012"
LOCAL = {"provider": "local", "operation": "glow", "params": {}}


async def test_a_held_fallback_is_stored_while_the_better_route_is_awaited(
    stack: Stack, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await slot(SLOT, **with_gemini(fallbacks=[LOCAL], deadline_seconds=8))
    gemini.script = Script(then=Step("slow", seconds=30))
    before = set((stack.media / "results").glob("[!.]*"))
    posted = asyncio.create_task(camera.post(f"/api/ingest/{SLOT}?reply=json", shot))
    fresh = await until(lambda: set((stack.media / "results").glob("[!.]*")) - before, seconds=9)
    seen = time.monotonic()
    reply = await posted
    assert reply.status == 200
    assert [path.stem for path in fresh] == [reply.headers["x-job-id"]]
    assert time.monotonic() - seen > 0.7, "it was there long before time was up"
