"""The stand-in for ComfyUI, and our driver, against what is recorded of ComfyUI's own routes and errors."""

from __future__ import annotations

import asyncio
import json
import tomllib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import Mount, Route, WebSocketRoute
from websockets.asyncio.client import ClientConnection, connect

from appliance.core.clock import Deadline
from tests.providers.photos import picture_bytes
from tests.providers.remote import WORKFLOW, bench
from tests.standins import Script, Step, comfyui_app, running

RECORDED = tomllib.loads(
    (Path(__file__).parents[1] / "standins" / "comfyui_recorded.toml").read_text(encoding="utf-8")
)
GRAPH: dict[str, Any] = json.loads(WORKFLOW)
PHOTO_NODE = "11"


@pytest.fixture
async def machine() -> AsyncIterator[httpx.AsyncClient]:
    async with (
        running(comfyui_app()) as server,
        httpx.AsyncClient(base_url=server.base_url, trust_env=False) as client,
    ):
        yield client


def graph(**changes: Any) -> dict[str, Any]:
    """The recorded workflow on an uploaded photo, with other nodes; ``None`` takes one away."""
    photo = {"class_type": "LoadImage", "inputs": {"image": "photo.png [temp]"}}
    whole = {**GRAPH, PHOTO_NODE: photo, **{name.removeprefix("n"): node for name, node in changes.items()}}
    return {number: node for number, node in whole.items() if node is not None}


async def ask(machine: httpx.AsyncClient, photo: bytes = b"bytes", **body: Any) -> httpx.Response:
    await machine.post("/upload/image", files={"image": ("photo.png", photo)}, data={"type": "temp"})
    return await machine.post("/prompt", json=body)


def routes(app: Any) -> Iterator[tuple[str, Route | WebSocketRoute]]:
    for one in app.routes:
        if isinstance(one, Mount):
            yield from routes(one)
        elif isinstance(one, WebSocketRoute):
            yield f"GET {one.path}", one
        else:
            yield from ((f"{method} {one.path}", one) for method in one.methods - {"HEAD"})


def test_the_stand_in_has_exactly_the_recorded_routes() -> None:
    assert {name for name, _ in routes(comfyui_app().app)} == set(RECORDED["routes"])


async def test_all_routes_are_there_under_api_too(machine: httpx.AsyncClient) -> None:
    for path in ("/queue", "/system_stats", "/object_info/KSampler", "/history"):
        assert (await machine.get(f"/api{path}")).json() == (await machine.get(path)).json()


async def test_our_driver_asks_only_what_is_recorded(tmp_path: Path) -> None:
    app = comfyui_app().app
    async with bench("comfyui", tmp_path, Script([Step(), Step("never_done")])) as at:
        await at.driver.probe("", Deadline.after(5))
        await at.driver.lacks(at.request.params, Deadline.after(5))
        await at.edit()
        with pytest.raises(TimeoutError):
            await at.edit(seconds=0.4)
        await at.driver._background.aclose()
        calls = list(at.standin.calls)
    known = {name: route.path_regex for name, route in routes(app)}
    asked = {}
    for call in calls:
        [name] = [
            name
            for name, regex in known.items()
            if name.startswith(f"{call.method} ") and regex.match(call.path)
        ]
        body = set(call.json) if call.body and not call.files else {field.name for field in call.files}
        asked.setdefault(name, set()).update(body | {name for name, _ in call.fields})
    assert {"POST /upload/image", "POST /prompt", "POST /interrupt", "POST /history", "GET /view"} < set(
        asked
    )
    for name, fields in asked.items():
        recorded = RECORDED["routes"][name]
        assert fields <= {*recorded.get("body", ()), *recorded.get("form", ())}, name


WRONG = {
    "no_prompt": {},
    "invalid_prompt_id": {"prompt": graph(), "prompt_id": "0B2B66C8-4F1D-4C60-9D3E-1C5B4B1E6A11"},
    "missing_node_type": {"prompt": graph(n20={"class_type": "FaceDetailer", "inputs": {}})},
    "prompt_no_outputs": {"prompt": graph(n9=None)},
    "prompt_outputs_failed_validation": {"prompt": graph(n6={"class_type": "CLIPTextEncode", "inputs": {}})},
}


@pytest.mark.parametrize("kind", RECORDED["errors"])
async def test_a_graph_that_cannot_run_is_refused_in_comfyuis_own_form(
    machine: httpx.AsyncClient, kind: str
) -> None:
    answer = await ask(machine, **WRONG[kind])
    assert (answer.status_code, set(answer.json())) == (400, {"error", "node_errors"})
    assert_as_recorded(answer.json()["error"], kind, RECORDED["errors"][kind])


NODES = {
    "value_not_in_list": {
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "flux.safetensors"}}
    },
    "required_input_missing": {"6": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["4", 1]}}},
    "custom_validation_failed": {PHOTO_NODE: {"class_type": "LoadImage", "inputs": {"image": "nobody.png"}}},
    "invalid_input_type": {
        "3": {**GRAPH["3"], "inputs": {**GRAPH["3"]["inputs"], "seed": "a text"}},
    },
}


@pytest.mark.parametrize("kind", RECORDED["node_errors"])
async def test_a_node_that_cannot_run_is_named_in_comfyuis_own_form(
    machine: httpx.AsyncClient, kind: str
) -> None:
    [(number, node)] = NODES[kind].items()
    answer = await ask(machine, prompt=graph() | {number: node})
    found = answer.json()["node_errors"][number]
    assert set(found) == {"errors", "dependent_outputs", "class_type"}
    assert (found["dependent_outputs"], found["class_type"]) == (["9"], node["class_type"])
    [error] = found["errors"]
    assert_as_recorded(error, kind, RECORDED["node_errors"][kind])


def assert_as_recorded(error: dict[str, Any], kind: str, recorded: dict[str, Any]) -> None:
    assert (error["type"], error["message"]) == (kind, recorded["message"])
    assert error["details"] == recorded.get("details", error["details"])
    assert set(error) == {"type", "message", "details", "extra_info"}
    assert set(error["extra_info"]) == set(recorded["extra_info"])


@pytest.mark.parametrize("kind", RECORDED["routes"]["POST /upload/image"]["types"])
async def test_an_upload_lies_where_its_type_says_and_is_shown_from_there(
    machine: httpx.AsyncClient, kind: str
) -> None:
    sent = await machine.post(
        "/upload/image",
        files={"image": ("guest.jpg", b"bytes")},
        data={"type": kind, "subfolder": "photochanger"},
    )
    assert sent.json() == {"name": "guest.jpg", "subfolder": "photochanger", "type": kind}
    place = {"filename": "guest.jpg", "subfolder": "photochanger"}
    assert (await machine.get("/view", params={**place, "type": kind})).content == b"bytes"
    elsewhere = "output" if kind == "input" else "input"
    assert (await machine.get("/view", params={**place, "type": elsewhere})).status_code == 404


@pytest.mark.parametrize("wrong", [{}, {"files": {"picture": ("a.jpg", b"bytes")}}])
async def test_an_upload_that_is_none_gets_400_without_words(machine: httpx.AsyncClient, wrong: Any) -> None:
    answer = await machine.post("/upload/image", **wrong)
    assert (answer.status_code, answer.content) == (400, b"")


async def test_a_page_of_another_site_is_refused(machine: httpx.AsyncClient) -> None:
    answer = await machine.get("/queue", headers={"Origin": "http://elsewhere.example"})
    assert answer.status_code == 403


async def test_it_says_what_is_recorded_to_the_client_of_the_run_and_to_no_other(
    machine: httpx.AsyncClient,
) -> None:
    address = str(machine.base_url).replace("http", "ws", 1)
    async with (
        connect(f"{address}/ws?clientId=ours", proxy=None) as ours,
        connect(f"{address}/ws?clientId=theirs", proxy=None) as theirs,
    ):
        answer = await ask(machine, photo=picture_bytes(), prompt=graph(), client_id="ours")
        run_id = answer.json()["prompt_id"]
        while not (await machine.get(f"/history/{run_id}")).json():
            continue
        told = [json.loads(one) for one in await said_until(ours, "executing") if isinstance(one, str)]
        async with asyncio.timeout(2):
            others = [json.loads(await theirs.recv())]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await theirs.recv()
    assert [one["type"] for one in told[:4]] == ["status", "execution_start", "execution_cached", "executing"]
    badly = {"execution_error", "execution_interrupted"}
    assert {one["type"] for one in told} == set(RECORDED["messages"]) - badly
    assert {one["type"] for one in others} == {"status"}
    for one in told[:-1] + others:
        assert set(one["data"]) == set(RECORDED["messages"][one["type"]]["data"]), one["type"]
    assert set(told[-1]["data"]) == {"prompt_id", "node"}
    node = next(one for one in told if one["type"] == "progress_state")["data"]["nodes"]["3"]
    assert set(node) == set(RECORDED["messages"]["progress_state"]["node"])


@pytest.mark.parametrize("step", ["execution_error", "interrupted"])
async def test_how_a_run_ended_badly_stands_in_the_history_as_recorded(step: str) -> None:
    async with (
        running(comfyui_app(Script([Step(step)]))) as server,
        httpx.AsyncClient(base_url=server.base_url, trust_env=False) as client,
    ):
        run_id = (await ask(client, photo=picture_bytes(), prompt=graph())).json()["prompt_id"]
        while not (found := (await client.get(f"/history/{run_id}")).json()):
            continue
    kind, said = found[run_id]["status"]["messages"][-1]
    assert set(said) == set(RECORDED["messages"][kind]["data"])


async def said_until(socket: ClientConnection, last: str) -> list[str | bytes]:
    """What is said up to the message in which no node is at work any more."""
    found: list[str | bytes] = []
    async for message in socket:
        found.append(message)
        if isinstance(message, str):
            one = json.loads(message)
            if one["type"] == last and one["data"]["node"] is None:
                break
    return found
