"""The steps that ComfyUI tells over its websocket, and that no picture depends on them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appliance.providers.base import ProviderNoImage
from appliance.providers.comfyui import steps as steps_module
from appliance.providers.comfyui.steps import Steps
from tests.providers.remote import bench
from tests.standins import Script, Step

ALL_STEPS = [(step, 8) for step in range(1, 9)]


@pytest.mark.parametrize("older", [False, True])
async def test_every_step_is_told_while_the_picture_is_made(tmp_path: Path, older: bool) -> None:
    told: list[tuple[int, int]] = []
    async with bench("comfyui", tmp_path, Script([Step("watched")]), older=older) as at:
        assert (await at.edit(on_step=lambda *step: told.append(step))).width
    assert list(dict.fromkeys(told)) == ALL_STEPS


async def test_a_refused_websocket_costs_no_picture(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    async with bench("comfyui", tmp_path) as at:
        at.standin.sockets.refused = True
        assert (await at.edit(on_step=lambda *step: told.append(step))).width
        assert len(at.standin.sockets.headers) == 1
    assert told == []


async def test_a_websocket_that_closes_in_the_middle_costs_no_picture(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    async with bench("comfyui", tmp_path, Script([Step("watched_closing")])) as at:
        assert (await at.edit(on_step=lambda *step: told.append(step))).width
        assert at.standin.pictures_asked() == 1
    assert set(told) == {(1, 8), (2, 8)}


async def test_a_flood_of_previews_hides_no_step(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    async with bench("comfyui", tmp_path, Script([Step("watched_previews")])) as at:
        assert (await at.edit(on_step=lambda *step: told.append(step))).width
    assert list(dict.fromkeys(told)) == ALL_STEPS


async def test_a_message_that_is_too_large_ends_the_listening_and_costs_no_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps_module, "MAX_MESSAGE_BYTES", 10_000)  # a preview of the stand-in has 60,000
    told: list[tuple[int, int]] = []
    async with bench("comfyui", tmp_path, Script([Step("watched_previews")])) as at:
        assert (await at.edit(on_step=lambda *step: told.append(step))).width
    assert (8, 8) not in told


async def test_a_run_that_failed_was_told_up_to_its_last_step(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    async with bench("comfyui", tmp_path, Script([Step("execution_error")])) as at:
        with pytest.raises(ProviderNoImage, match="execution_error"):
            await at.edit(on_step=lambda *step: told.append(step))
    assert set(told) <= set(ALL_STEPS)


async def test_no_origin_goes_to_the_websocket_and_nobody_listens_after_the_picture(tmp_path: Path) -> None:
    async with bench("comfyui", tmp_path, Script([Step("watched")])) as at:
        await at.edit()
        [headers] = at.standin.sockets.headers
        await at.driver.aclose()
        assert at.standin.sockets.listening == {}
    assert not {"origin", "cookie", "authorization"} & set(headers)


def heard(*messages: dict[str, Any] | str | bytes) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    tell: Callable[[int, int], None] = lambda step, steps: found.append((step, steps))  # noqa: E731
    steps = Steps("http://10.0.0.5:8188", "client", "run-1", tell)
    for one in messages:
        steps.hear(json.dumps(one) if isinstance(one, dict) else one)
    return found


def progress(**data: Any) -> dict[str, Any]:
    return {"type": "progress", "data": data}


def state(run_id: str, **nodes: dict[str, Any]) -> dict[str, Any]:
    return {"type": "progress_state", "data": {"prompt_id": run_id, "nodes": nodes}}


def test_steps_of_other_runs_are_not_ours() -> None:
    assert (
        heard(
            progress(value=7, max=20, prompt_id="run-2", node="3"),
            state("run-2", three={"value": 7, "max": 20, "state": "running"}),
        )
        == []
    )


def test_only_the_node_at_work_counts_and_only_if_it_has_steps() -> None:
    done = {"value": 20, "max": 20, "state": "finished"}
    loading = {"value": 0, "max": 1, "state": "running"}
    assert heard(state("run-1", one=done, two=loading)) == []
    assert heard(state("run-1", one=done, two={"value": 3.0, "max": 12.0, "state": "running"})) == [(3, 12)]
    assert heard(progress(value=7, max=20)) == [(7, 20)]


@pytest.mark.parametrize(
    "message",
    [
        b'\x00\x00\x00\x01 a preview with "progress"',
        "",
        '"progress"',
        '{"type": "progress"',
        progress(value="many", max=20),
        progress(value=7, max=float("inf")),
        progress(value=-1, max=20),
        progress(value=21, max=20),
        {"type": "progress_state", "data": {"nodes": {}}},
        {"type": "progress_state", "data": {"prompt_id": "run-1", "nodes": ["a list"]}},
        {"type": "progress_text", "data": {"text": "x"}},
    ],
)
def test_what_names_no_step_is_left_alone(message: dict[str, Any] | str | bytes) -> None:
    assert heard(message) == []
