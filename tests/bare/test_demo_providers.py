"""A fresh installation with stand-ins in place of the AI providers: every AI slot makes AI pictures."""

from __future__ import annotations

import asyncio

from tests.bare.appliance_run import Appliance
from tests.standins.lives import GEMINI, OPENAI
from tests.support.camera import Camera, Shot
from tests.support.photos import portrait_jpeg
from tests.support.stack import Stack

LIVES = {"gemini": GEMINI, "openai": OPENAI}


async def test_every_ai_slot_of_a_fresh_install_delivers_by_its_first_route(appliance: Appliance) -> None:
    report = appliance.start("--demo-providers")
    stack = Stack(appliance.data, appliance.port, report)
    async with stack.database() as db:
        slots = {
            row["slot_id"]: (row["provider"], row["model"])
            for row in await db.fetch("select * from slot where active and provider <> 'local'")
        }
    assert {provider for provider, _ in slots.values()} >= {"gemini", "openai", "turbotext"}
    camera, shot = Camera(stack.port), Shot(portrait_jpeg(), report["passwords"]["ingest"])
    replies = await asyncio.gather(
        *(camera.post(f"/ingest/{slot_id}?reply=image", shot) for slot_id in slots)
    )
    made = {}
    for slot_id, reply in zip(slots, replies, strict=True):
        assert reply.status == 200, reply.body[:500]
        (attempt,) = (await stack.row(reply.headers["x-job-id"]))["attempts"]
        assert (attempt["outcome"], attempt["primary"]) == ("delivered", True)
        made[slot_id] = (attempt["provider"], attempt["model"])
    assert made == slots
    stages = {slot_id: LIVES[provider][model].stage for slot_id, (provider, model) in slots.items() if model}
    assert set(stages.values()) == {"STABLE"}, stages
