"""Slots that run a ComfyUI workflow: saved, warmed up, and asked by a booth."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.conftest import Change
from tests.standins import Script, StandIn, Step
from tests.standins.comfyui import ComfyUI
from tests.support.camera import Camera, Shot
from tests.support.slots import WORKFLOW, with_workflow
from tests.support.stack import Stack
from tests.support.waiting import until

SLOT = "slot-014"
URL = f"/api/ingest/{SLOT}?reply=image"
WITHOUT_PHOTO = json.dumps({number: node for number, node in json.loads(WORKFLOW).items() if number != "11"})


@pytest.fixture
def machine(standins: dict[str, StandIn]) -> ComfyUI:
    found = standins["comfyui"]
    assert isinstance(found, ComfyUI)
    return found


async def attempts_of(stack: Stack, job_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await stack.row(job_id))["attempts"]
    return found


async def test_a_booth_gets_the_workflows_picture_and_nothing_of_the_guest_stays_there(
    stack: Stack, camera: Camera, shot: Shot, slot: Change, machine: ComfyUI
) -> None:
    await slot(SLOT, **with_workflow())
    shot.fields["survey1"] = "Ekaterina"
    before = {place for place in machine.files if place[0] != "temp"}
    reply = await camera.post(URL, shot)
    assert reply.status == 200, reply.body
    [attempt] = await attempts_of(stack, reply.headers["x-job-id"])
    assert (attempt["provider"], attempt["outcome"]) == ("comfyui", "delivered")
    assert attempt["queue_position"] == 0
    [graph] = [call.json["prompt"] for call in machine.calls if call.path == "/prompt" and call.body]
    assert graph["6"]["inputs"]["text"] == "Ekaterina in a secret garden"
    assert {place for place in machine.files if place[0] != "temp"} == before
    await until(lambda: attempt["response_id"] not in machine.history)


async def seen(admin: httpx.AsyncClient) -> list[dict[str, Any]]:
    """What the slot's card says of pictures that are being made."""
    slots = (await admin.get("/api/stats/slots")).json()["slots"]
    found: list[dict[str, Any]] = next(one for one in slots if one["slot_id"] == SLOT)["progress"]
    return found


async def test_the_step_is_seen_while_a_picture_is_made_and_kept_when_it_is_done(
    camera: Camera, shot: Shot, slot: Change, machine: ComfyUI, admin: httpx.AsyncClient
) -> None:
    await slot(SLOT, **with_workflow())
    machine.hold_at(3)
    photo = asyncio.create_task(camera.post(URL, shot))
    expected = [{"provider": "comfyui", "queue_position": 0, "step": 3, "steps": 8}]
    while await seen(admin) != expected:
        assert not photo.done()
    [job] = (await admin.get("/api/jobs", params={"slot": SLOT, "status": "pending"})).json()["jobs"]
    assert (await admin.get(f"/api/jobs/{job['job_id']}")).json()["progress"] == expected
    machine.held.set()
    assert (await photo).status == 200
    ended = (await admin.get(f"/api/jobs/{job['job_id']}")).json()
    assert ended["progress"] == await seen(admin) == []
    assert (ended["attempts"][0]["step"], ended["attempts"][0]["steps"]) == (8, 8)


async def test_the_place_behind_somebody_elses_run_is_seen(
    camera: Camera, shot: Shot, slot: Change, machine: ComfyUI, admin: httpx.AsyncClient
) -> None:
    await slot(SLOT, **with_workflow())
    machine.script = Script([Step("never_done"), Step()])
    async with httpx.AsyncClient(base_url=machine.base_url, trust_env=False) as somebody:
        await somebody.post("/upload/image", files={"image": ("example.png", b"bytes")})
        assert (await somebody.post("/prompt", json={"prompt": json.loads(WORKFLOW)})).status_code == 200
        photo = asyncio.create_task(camera.post(URL, shot))
        while [one["queue_position"] for one in await seen(admin)] != [1]:
            assert not photo.done()
        await somebody.post("/interrupt", json={})
    assert (await photo).status == 200


async def test_a_photo_whose_time_is_over_takes_no_longer_on_that_machine(
    stack: Stack, camera: Camera, shot: Shot, slot: Change, machine: ComfyUI
) -> None:
    local = {"provider": "local", "operation": "glow", "params": {}}
    await slot(SLOT, **with_workflow(fallbacks=[local], deadline_seconds=4))
    machine.script = Script([Step("never_done")])
    reply = await camera.post(URL, shot)
    assert reply.status == 200, reply.body
    outcomes = [
        (one["provider"], one["outcome"]) for one in await attempts_of(stack, reply.headers["x-job-id"])
    ]
    assert ("local", "delivered") in outcomes
    assert ("comfyui", "delivered") not in outcomes
    await until(lambda: not machine.runs)
    assert len(machine.interrupted) >= 1


@pytest.mark.parametrize(
    ("workflow", "field", "said"),
    [
        ("{", "params.workflow", "not JSON"),
        ('{"nodes": [], "links": []}', "params.workflow", "Export (API)"),
        (json.dumps({"1": "a" * 90_000}), "params.workflow", "at most 80000"),
        (WITHOUT_PHOTO, "params.photo_node", "LoadImage"),
    ],
)
async def test_a_slot_is_not_saved_with_what_is_no_workflow(
    admin: httpx.AsyncClient, slot: Change, workflow: str, field: str, said: str
) -> None:
    await slot(SLOT, **with_workflow())
    answer = await admin.put(f"/api/slots/{SLOT}", json={"params": {"workflow": workflow}})
    assert answer.status_code == 422
    assert said in answer.json()["error"]["fields"][field]
