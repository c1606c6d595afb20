"""Slots that run a ComfyUI workflow: saved, warmed up, and asked by a booth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import Change
from tests.standins import Script, StandIn, Step
from tests.standins.comfyui import ComfyUI
from tests.support.camera import Camera, Shot
from tests.support.stack import Stack
from tests.support.waiting import until

SLOT = "slot-014"
URL = f"/api/ingest/{SLOT}?reply=image"
WORKFLOW = (Path(__file__).parents[1] / "standins" / "workflow.json").read_text(encoding="utf-8")

WITHOUT_PHOTO = json.dumps({number: node for number, node in json.loads(WORKFLOW).items() if number != "11"})


@pytest.fixture
def machine(standins: dict[str, StandIn]) -> ComfyUI:
    found = standins["comfyui"]
    assert isinstance(found, ComfyUI)
    return found


def with_workflow(**more: Any) -> dict[str, Any]:
    params = {"workflow": WORKFLOW, "prompt": "{survey1|a guest} in a secret garden"}
    return {
        "active": True,
        "provider": "comfyui",
        "operation": "workflow",
        "model": None,
        "params": params,
        "fallbacks": [],
        "hedge": False,
        "prompt": {"fields": ["survey1"]},
        "output": {},
        **more,
    }


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


async def test_the_warm_up_names_what_that_machine_has_not_got(
    admin: httpx.AsyncClient, slot: Change, machine: ComfyUI
) -> None:
    await slot(SLOT, **with_workflow())

    async def check() -> dict[str, Any]:
        report = (await admin.post("/api/providers/warm-up")).json()
        [found] = [one for one in report["routes"] if one["provider"] == "comfyui"]
        return dict(found)

    assert (await check())["ok"] is True
    encoder = machine.nodes.pop("VAEEncode")
    try:
        found = await check()
    finally:
        machine.nodes["VAEEncode"] = encoder
    assert (found["ok"], found["slots"]) == (False, [SLOT])
    assert found["reason"] == f"{SLOT}: node 10: that machine has no VAEEncode"


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
