"""What is ComfyUI's own: the graph for each photo, the queue, what that machine lacks, what stays there."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from appliance.core.clock import Deadline
from appliance.providers.base import ProviderPermanent, ProviderUnreachable
from appliance.providers.comfyui.binding import binding_of
from appliance.providers.comfyui.driver import ComfyUIDriver
from appliance.providers.comfyui.graph import other_inputs, parse_workflow
from appliance.providers.comfyui.settings import WorkflowParams
from tests.providers.photos import picture_bytes, template
from tests.providers.remote import PROMPT, WORKFLOW, bench
from tests.standins import Script, Step

GRAPH = json.loads(WORKFLOW)


def workflow(**changes: dict | None) -> str:
    """The recorded workflow with other nodes; ``None`` takes one away."""
    graph = {**GRAPH, **{number.removeprefix("n"): node for number, node in changes.items()}}
    return json.dumps({number: node for number, node in graph.items() if node is not None})


def params(**changes) -> WorkflowParams:
    return WorkflowParams(**{"workflow": WORKFLOW, "prompt": PROMPT, **changes})


def graphs(at) -> list[dict]:
    return [call.json["prompt"] for call in at.standin.calls if call.path == "/prompt"]


async def test_a_photo_comes_back_made_by_the_workflow(tmp_path):
    async with bench("comfyui", tmp_path) as at:
        edited = await at.edit()
        [run_id] = [call.json["prompt_id"] for call in at.standin.calls if call.path == "/prompt"]
    assert edited.media_type == "image/png"
    assert edited.data != picture_bytes()
    assert (edited.height > edited.width, edited.response_id) == (True, run_id)


async def test_photo_words_and_seed_are_put_where_they_belong(tmp_path):
    async with bench("comfyui", tmp_path) as at:
        await at.edit(params=params(negative_prompt="no hats", seed=7, values='{"3.denoise": 0.4}'))
        [graph] = graphs(at)
    assert graph["6"]["inputs"]["text"] == PROMPT
    assert graph["7"]["inputs"]["text"] == "no hats"
    assert graph["3"]["inputs"] == {**GRAPH["3"]["inputs"], "seed": 7, "denoise": 0.4}
    assert graph["11"]["inputs"]["image"].startswith("photochanger/")
    assert graph["4"] == GRAPH["4"]


async def test_empty_prompts_leave_the_workflows_own_words(tmp_path):
    async with bench("comfyui", tmp_path) as at:
        await at.edit(params=params(prompt=""))
        [graph] = graphs(at)
    assert [graph[number]["inputs"]["text"] for number in ("6", "7")] == ["an oil painting", "blurry"]


async def test_each_photo_has_a_seed_of_its_own_for_the_same_graph_is_not_run_again(tmp_path):
    async with bench("comfyui", tmp_path) as at:
        for _ in range(3):
            await at.edit()
        seeds = {graph["3"]["inputs"]["seed"] for graph in graphs(at)}
    assert len(seeds) == 3


async def test_nothing_of_a_guest_stays_on_that_machine(tmp_path):
    async with bench("comfyui", tmp_path) as at:
        await at.edit()
        [graph] = graphs(at)
        assert graph["9"] == {**GRAPH["9"], "class_type": "PreviewImage", "inputs": {"images": ["8", 0]}}
        assert {kind for kind, _, _ in at.standin.files} == {"temp"}
        async with asyncio.timeout(3):
            await at.standin.forgotten.wait()
        assert at.standin.history == {}
        at.standin.restart()
        assert at.standin.files == {}


async def test_files_are_left_there_only_if_the_operator_wants_it(tmp_path):
    async with bench("comfyui", tmp_path) as at:
        await at.edit(params=params(no_files=False))
        assert graphs(at)[0]["9"] == GRAPH["9"]
        assert "output" in {kind for kind, _, _ in at.standin.files}


async def test_templates_go_to_the_nodes_that_were_chosen(tmp_path):
    second = {"class_type": "LoadImage", "inputs": {"image": "example.png"}}
    chosen = params(workflow=workflow(n12=second), reference_node="12")
    async with bench("comfyui", tmp_path) as at:
        await at.edit(params=chosen, templates=(template("reference"),))
        [graph] = graphs(at)
        sent = at.standin._file(graph["12"]["inputs"]["image"])
        assert sent == template("reference").data
        assert at.standin._file(graph["11"]["inputs"]["image"]) != sent


@pytest.mark.parametrize("older", [False, True])
async def test_a_run_that_comes_too_late_is_taken_back_and_forgotten(tmp_path, older):
    async with bench("comfyui", tmp_path, Script([Step("never_done")]), older=older) as at:
        with pytest.raises(TimeoutError):
            await at.edit(seconds=0.4)
        async with asyncio.timeout(3):
            await at.standin.forgotten.wait()
        assert len(at.standin.interrupted) == 1
        assert (at.standin.runs, at.standin.history) == ({}, {})
        assert (await at.edit()).width


@pytest.mark.parametrize("older", [False, True])
async def test_a_run_that_waits_is_taken_out_of_the_queue_and_the_one_that_runs_goes_on(tmp_path, older):
    script = Script([Step("never_done"), Step("never_done")])
    async with bench("comfyui", tmp_path, script, older=older) as at:
        running = asyncio.create_task(at.edit(seconds=30))
        await at.standin.submitted.wait()
        with pytest.raises(TimeoutError):
            await at.edit(seconds=0.4)
        async with asyncio.timeout(3):
            await at.standin.forgotten.wait()
        assert (len(at.standin.runs), at.standin.interrupted) == (1, [])
        running.cancel()
        await asyncio.wait([running])


async def test_a_run_whose_place_in_the_queue_was_never_told_is_taken_back_too(tmp_path):
    async with bench("comfyui", tmp_path, Script([Step("taken_silently")])) as at:
        with pytest.raises(TimeoutError):
            await at.edit(seconds=0.4)
        async with asyncio.timeout(3):
            await at.standin.forgotten.wait()
        assert at.standin.runs == {}


async def test_the_place_in_the_queue_is_told_and_waiting_is_no_failure(tmp_path):
    positions: list[int] = []
    async with bench("comfyui", tmp_path, looks=3) as at:
        other = asyncio.create_task(at.edit())
        await at.standin.submitted.wait()
        await at.edit(on_position=positions.append)
        await other
    assert positions[0] == 1
    assert positions[-1] == 0


async def test_broken_looks_do_not_give_the_picture_up(tmp_path):
    async with bench("comfyui", tmp_path, Script([Step("look_fails")])) as at:
        assert (await at.edit()).width
        assert at.standin.pictures_asked() == 1


async def test_a_run_that_a_restart_took_away_is_noticed_long_before_the_deadline(tmp_path):
    async with bench("comfyui", tmp_path, Script([Step("restart")])) as at:
        with pytest.raises(ProviderUnreachable, match="run_lost") as failed:
            await at.edit(seconds=30)
    assert failed.value.again


async def test_a_model_file_that_is_gone_is_named_and_not_tried_again(tmp_path):
    loader = {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "flux.safetensors"}}
    async with bench("comfyui", tmp_path) as at:
        with pytest.raises(ProviderPermanent) as failed:
            await at.edit(params=params(workflow=workflow(n4=loader)))
    assert failed.value.reason == "value_not_in_list"
    assert "node 4 CheckpointLoaderSimple" in failed.value.detail
    assert "flux.safetensors" in failed.value.detail


async def test_a_machine_that_takes_the_graph_without_our_output_is_told_apart_from_one_that_makes_it(
    tmp_path,
):
    """It takes a graph if any output can be made: here the one that only shows a value."""
    graph = workflow(
        n4={"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "flux.safetensors"}},
        n20={"class_type": "PreviewAny", "inputs": {"source": 7}},
    )
    async with bench("comfyui", tmp_path) as at:
        with pytest.raises(ProviderPermanent, match=r"flux\.safetensors") as failed:
            await at.edit(params=params(workflow=graph))
        async with asyncio.timeout(3):
            await at.standin.forgotten.wait()
        assert at.standin.runs == {}
    assert failed.value.reason == "value_not_in_list"


async def test_other_nodes_that_save_pictures_are_left_out_so_that_none_stay(tmp_path):
    graph = workflow(
        n21={"class_type": "SaveAnimatedWEBP", "inputs": {"images": ["8", 0]}},
        n22={"class_type": "SaveImage", "inputs": {"images": ["11", 0], "filename_prefix": "before"}},
    )
    async with bench("comfyui", tmp_path) as at:
        await at.edit(params=params(workflow=graph, output_node="9"))
        assert set(graphs(at)[0]) == set(GRAPH)


async def test_what_that_machine_lacks_is_listed_before_a_photo_comes(tmp_path):
    lacking = params(
        workflow=workflow(
            n4={"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "flux.safetensors"}},
            n20={"class_type": "FaceDetailer", "inputs": {"image": ["8", 0]}},
        )
    )
    async with bench("comfyui", tmp_path) as at:
        assert await at.driver.lacks(params(), Deadline.after(5)) == ()
        found = await at.driver.lacks(lacking, Deadline.after(5))
        assert at.standin.pictures_asked() == 0
    assert found == (
        "node 20: that machine has no FaceDetailer",
        "node 4 CheckpointLoaderSimple: that machine has no 'flux.safetensors'",
    )


async def test_newer_machines_that_write_choices_in_another_way_are_understood(tmp_path):
    async with bench("comfyui", tmp_path) as at:
        facts = at.standin._facts
        at.standin._facts = lambda name: {
            **facts(name),
            "input": {"required": {"ckpt_name": ["COMBO", {"options": ["other.safetensors"]}]}},
        }
        [found] = await at.driver.lacks(params(), Deadline.after(5))
    assert "dreamshaper_8.safetensors" in found


async def test_a_probe_asks_that_machine_who_it_is(tmp_path):
    async with bench("comfyui", tmp_path) as at:
        assert await at.driver.probe("", Deadline.after(5)) is True
        at.standin.probes = Step("html_page")
        with pytest.raises(ProviderUnreachable):
            await at.driver.probe("", Deadline.after(5))


async def test_no_request_has_an_origin_or_a_key(tmp_path):
    async with bench("comfyui", tmp_path) as at:
        await at.edit()
        names = {name for call in at.standin.calls for name in call.headers}
    assert not names & {"origin", "authorization", "cookie"}


FROM_ELSEWHERE = {"class_type": "SaveImageFromFile", "inputs": {"file": ["8", 0]}}
LOAD = {"class_type": "LoadImage", "inputs": {"image": "a.png"}}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, None),
        ({"workflow": workflow(n11=None)}, "params.photo_node"),
        ({"workflow": workflow(n12=LOAD)}, "params.photo_node"),
        ({"workflow": workflow(n12=LOAD), "photo_node": "12"}, None),
        ({"photo_node": "77"}, "params.photo_node"),
        ({"reference_node": "11"}, "params.photo_node"),
        ({"workflow": workflow(n9=None)}, "params.output_node"),
        ({"output_node": "8"}, "params.output_node"),
        ({"workflow": workflow(n9=FROM_ELSEWHERE)}, "params.output_node"),
        ({"workflow": workflow(n9=FROM_ELSEWHERE), "no_files": False}, None),
        ({"prompt_place": "6.clip"}, "params.prompt_place"),
        ({"workflow": workflow(n6=None, n7=None)}, "params.prompt"),
        ({"values": '{"3.steps": 4, "3.nonsense": 1}'}, "params.values"),
        ({"values": '{"3.steps": "many"}'}, "params.values"),
        ({"values": '{"3.steps": true}'}, "params.values"),
        ({"values": '{"3.steps": "12", "3.cfg": "2,5", "3.sampler_name": 7}'}, None),
    ],
)
async def test_what_does_not_fit_the_workflow_is_refused_when_the_slot_is_saved(change, field):
    async with httpx.AsyncClient() as client:
        driver = ComfyUIDriver(client, base_url="http://10.0.0.5:8188")
        found = driver.problems("workflow", params(**change), None, frozenset())
        assert "params.reference_node" in driver.problems(
            "workflow", params(), None, frozenset({"reference"})
        )
    assert list(found) == ([field] if field else [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[" * 50_000, "not JSON"),
        (r'{"1": {"class_type": "A", "inputs": {"text": "\ud800"}}}', "not JSON"),
        ("[]", "not a workflow"),
        ("{}", "not a workflow"),
        ('{"nodes": [], "links": []}', "Export"),
        ('{"1": {"inputs": {}}}', "no class"),
        ('{"1": {"class_type": "A", "inputs": []}}', "no inputs"),
        (json.dumps({"1": {"class_type": "A", "inputs": {"text": "a" * 80_000}}}), "at most 80000"),
    ],
)
def test_what_is_no_workflow_says_what_to_do(text, said):
    with pytest.raises(ValueError, match=said):
        WorkflowParams(workflow=text)


def test_a_value_goes_in_as_the_kind_that_stands_in_the_workflow():
    chosen = binding_of(
        params(
            workflow=workflow(n30={"class_type": "Switch", "inputs": {"on": True, "word": "a"}}),
            values='{"3.steps": "12", "3.cfg": "2,5", "30.on": false, "30.word": 7}',
        )
    )
    assert chosen.values == {"3.steps": 12, "3.cfg": 2.5, "30.on": False, "30.word": "7"}


def test_names_that_are_none_do_no_harm():
    odd = json.dumps({**GRAPH, "9": {**GRAPH["9"], "_meta": ["no", "name"]}})
    assert binding_of(params(workflow=odd)).problems == {}


def test_the_words_are_found_along_the_links_not_by_their_order():
    swapped = workflow(
        n3={**GRAPH["3"], "inputs": {**GRAPH["3"]["inputs"], "positive": ["7", 0], "negative": ["6", 0]}}
    )
    binding = binding_of(params(workflow=swapped))
    assert (binding.prompt, binding.negative) == ("7.text", "6.text")
    assert [node_input.name for node_input in other_inputs(parse_workflow(swapped))][:3] == [
        "3.steps",
        "3.cfg",
        "3.sampler_name",
    ]
