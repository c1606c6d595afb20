"""What a real ComfyUI did and the stand-in did not: it was run with 0.3.64 and 0.33.0 on 2026-11-29."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.core.clock import Deadline
from appliance.providers.base import EditRequest, ProviderError, ProviderUnreachable
from appliance.providers.comfyui import driver as comfyui
from appliance.providers.comfyui.driver import ComfyUIDriver
from appliance.providers.comfyui.settings import WorkflowParams
from tests.providers.photos import photo_in
from tests.providers.remote import WORKFLOW, Bench, bench
from tests.standins import Script, Step, comfyui_app, running
from tests.standins.comfyui_run import Run

GRAPH: dict[str, Any] = json.loads(WORKFLOW)


def params(graph: dict[str, Any] | None = None, **changes: Any) -> WorkflowParams:
    return WorkflowParams(**{"workflow": json.dumps(graph or GRAPH), **changes})


def sent(at: Bench) -> dict[str, Any]:
    """The graph of the only run."""
    [graph] = [call.json["prompt"] for call in at.standin.calls if call.path == "/prompt"]
    return graph


async def test_a_node_that_saves_and_hands_on_leaves_nothing_there_either(tmp_path: Path) -> None:
    graph = GRAPH | {
        "20": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "a"}}
    }
    graph["9"] = {"class_type": "SaveImage", "inputs": {"images": ["20", 0], "filename_prefix": "b"}}
    async with bench("comfyui", tmp_path) as at:
        await at.edit(params=params(graph, output_node="9"))
        assert {kind for kind, _, _ in at.standin.files} == {"temp"}
    assert sent(at)["20"] == {"class_type": "PreviewImage", "inputs": {"images": ["8", 0]}}
    assert sent(at)["9"] == {"class_type": "PreviewImage", "inputs": {"images": ["20", 0]}}


async def test_words_that_stand_in_a_node_of_their_own_are_found_along_the_links(tmp_path: Path) -> None:
    """As in the workflows that ComfyUI itself offers since 2025."""
    words = {"class_type": "PrimitiveStringMultiline", "inputs": {"value": "an oil painting"}}
    linked = {"class_type": "CLIPTextEncode", "inputs": {"text": ["76", 0], "clip": ["4", 1]}}
    async with bench("comfyui", tmp_path) as at:
        at.standin.nodes["PrimitiveStringMultiline"] = ({"value": "STRING"}, False)
        await at.edit(params=params({"7": GRAPH["7"], **GRAPH, "6": linked, "76": words}, prompt="a pirate"))
    assert sent(at)["76"]["inputs"] == {"value": "a pirate"}
    assert sent(at)["7"] == GRAPH["7"]


async def test_a_machine_without_any_model_file_lacks_the_one_that_the_workflow_names(tmp_path: Path) -> None:
    async with bench("comfyui", tmp_path) as at:
        at.standin.nodes["CheckpointLoaderSimple"] = ({"ckpt_name": []}, False)
        [found] = await at.driver.lacks(params(), Deadline.after(5))
    assert "dreamshaper_8.safetensors" in found


async def test_the_other_values_are_looked_for_and_not_what_they_replace(tmp_path: Path) -> None:
    gone = GRAPH | {
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "gone.safetensors"}}
    }
    async with bench("comfyui", tmp_path) as at:
        there = params(gone, values='{"4.ckpt_name": "sd_xl_base_1.0.safetensors"}')
        assert await at.driver.lacks(there, Deadline.after(5)) == ()
        [found] = await at.driver.lacks(
            params(values='{"4.ckpt_name": "new.safetensors"}'), Deadline.after(5)
        )
    assert "new.safetensors" in found


async def test_a_picture_in_a_folder_is_not_said_to_be_missing_for_it_is_not_listed(tmp_path: Path) -> None:
    mask = {"class_type": "LoadImage", "inputs": {"image": "clipspace/clipspace-mask-1.png [input]"}}
    async with bench("comfyui", tmp_path) as at:
        found = await at.driver.lacks(params(GRAPH | {"20": mask}, photo_node="11"), Deadline.after(5))
    assert found == ()


async def test_a_queue_that_is_too_long_to_be_read_costs_no_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each picture that somebody ordered on that machine stands in its queue with its whole workflow."""
    monkeypatch.setattr(comfyui, "LARGEST_LOOK", 8_000)
    async with bench("comfyui", tmp_path, looks=5) as at:
        picture = asyncio.create_task(at.edit())
        await at.standin.submitted.wait()
        for number in range(20):
            at.standin.runs[str(uuid.uuid4())] = Run(number, GRAPH, Step(), 0, ["9"], "theirs", 0.0)
        assert (await picture).width


async def test_a_machine_that_went_away_in_the_middle_is_not_waited_for_until_the_deadline(
    tmp_path: Path,
) -> None:
    at_work = asyncio.Event()
    async with httpx.AsyncClient(trust_env=False) as client:
        async with running(comfyui_app(Script([Step("never_done")]))) as server:
            driver = ComfyUIDriver(client, base_url=server.base_url, poll_seconds=0.01)
            request = EditRequest(
                "job-1", photo_in(tmp_path), "workflow", params(), on_position=lambda _place: at_work.set()
            )
            picture = asyncio.create_task(driver.edit(request, Deadline.after(30)))
            await at_work.wait()
        with pytest.raises(ProviderUnreachable, match="connection_refused"):
            async with asyncio.timeout(5):
                await picture
        await driver._background.aclose()


async def test_a_node_that_hears_late_of_the_end_leaves_no_words_in_the_history(tmp_path: Path) -> None:
    async with bench("comfyui", tmp_path, Script([Step("never_done")])) as at:
        at.standin.deaf_until = time.monotonic() + 6
        with pytest.raises(TimeoutError):
            await at.edit(seconds=0.4)
        async with asyncio.timeout(10):
            await at.standin.forgotten.wait()
        assert (at.standin.runs, at.standin.history) == ({}, {})


@pytest.mark.parametrize("broken", ["POST /queue", "GET /queue", "POST /interrupt", "POST /history"])
async def test_a_run_is_taken_back_even_if_the_first_word_of_that_is_lost(
    tmp_path: Path, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comfyui, "CANCEL_POLL_SECONDS", 0.1)
    at_work = asyncio.Event()
    async with bench("comfyui", tmp_path, Script([Step("never_done")])) as at:
        picture = asyncio.create_task(at.edit(seconds=30, on_position=lambda _place: at_work.set()))
        async with asyncio.timeout(5):
            await at_work.wait()
            at.standin.broken = [broken] * 2
            picture.cancel()
            await at.standin.forgotten.wait()
        assert (at.standin.runs, at.standin.history) == ({}, {})


async def test_a_run_that_comes_into_the_queue_after_it_was_taken_back_is_taken_back_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comfyui, "CANCEL_POLL_SECONDS", 0.1)
    monkeypatch.setattr(comfyui, "LOST_SECONDS", 1.5)
    async with bench("comfyui", tmp_path, Script([Step("taken_late", seconds=0.8)])) as at:
        with pytest.raises(TimeoutError):
            await at.edit(seconds=0.5)
        async with asyncio.timeout(5):
            await at.standin.submitted.wait()
            await at.standin.cancelled.wait()
            at.standin.forgotten.clear()
            await at.standin.forgotten.wait()
        assert (at.standin.runs, at.standin.history) == ({}, {})


async def test_a_picture_that_was_made_is_fetched_again_if_its_connection_breaks(tmp_path: Path) -> None:
    async with bench("comfyui", tmp_path) as at:
        at.standin.broken = ["GET /view"] * 2
        assert (await at.edit()).width
        assert at.standin.pictures_asked() == 1


async def test_a_picture_that_is_too_large_is_asked_for_as_a_jpeg(tmp_path: Path) -> None:
    async with bench("comfyui", tmp_path, Script([Step("huge")])) as at:
        edited = await at.edit()
        assert at.standin.pictures_asked() == 1
    assert edited.media_type == "image/jpeg"


async def test_a_picture_that_was_made_counts_even_if_another_output_failed(tmp_path: Path) -> None:
    async with bench("comfyui", tmp_path, Script([Step("other_output_fails")])) as at:
        assert (await at.edit()).width


def refused(kind: str, message: str) -> httpx.Response:
    error = {"type": kind, "message": message, "details": "Node ID '#20'", "extra_info": {}}
    return httpx.Response(400, json={"error": error, "node_errors": {}})


UPLOADED = httpx.Response(200, json={"name": "a.jpeg", "subfolder": "", "type": "temp"})
GONE = "Cannot execute because node FaceDetailer does not exist."


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"/upload/image": httpx.Response(401)}, "machine_locked"),
        ({"/upload/image": httpx.Response(403)}, "machine_locked"),
        ({"/upload/image": httpx.Response(404, text="<html>")}, "not_comfyui"),
        ({"/upload/image": httpx.Response(413, text="<html>")}, "request_too_large"),
        ({"/upload/image": UPLOADED, "/prompt": refused("invalid_prompt", GONE)}, "missing_node_type"),
        ({"/upload/image": UPLOADED, "/prompt": refused("invalid_prompt", "Odd")}, "invalid_prompt"),
    ],
)
async def test_what_stands_between_and_what_older_machines_say_is_called_what_it_is(
    tmp_path: Path, answers: dict[str, httpx.Response], reason: str
) -> None:
    transport = httpx.MockTransport(lambda asked: answers.get(asked.url.path, httpx.Response(200, json={})))
    async with httpx.AsyncClient(transport=transport) as client:
        driver = ComfyUIDriver(client, base_url="http://127.0.0.1:1", poll_seconds=0.01)
        request = EditRequest("job-1", photo_in(tmp_path), "workflow", params())
        with pytest.raises(ProviderError) as failed:
            await driver.edit(request, Deadline.after(5))
        await driver._background.aclose()
    assert failed.value.reason == reason
