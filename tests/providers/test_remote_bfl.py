"""What is Black Forest Labs' own: the body, sizes, where the key goes, moderation, credits."""

from __future__ import annotations

import base64

import httpx
import pytest

from appliance.core.clock import Deadline
from appliance.providers.base import ProviderPermanent, ProviderRefused, ProviderSpent, ProviderUnreachable
from appliance.providers.bfl.driver import BflDriver
from appliance.providers.bfl.settings import ImageEditParams
from appliance.providers.bfl.wire import Task, TaskState, free_size
from appliance.providers.catalogue import shipped
from tests.providers.photos import template
from tests.providers.remote import KEY, PROMPT, bench
from tests.standins import Script, Step, bfl_app, running

PRO, KONTEXT, KLEIN = "flux-2-pro", "flux-kontext-pro", "flux-2-klein-4b"


async def test_the_photo_is_the_first_picture_and_templates_follow_as_plain_base64(tmp_path):
    references = (template("reference"), template("reference", "cat", kind="PNG"))
    async with bench("bfl", tmp_path) as at:
        await at.edit(templates=(template("overlay"), *references))
        call = at.standin.calls[0]
    assert call.path == f"/v1/{PRO}"
    assert call.headers["x-key"] == KEY
    pictures = [base64.b64decode(call.json[name]) for name in ("input_image_2", "input_image_3")]
    assert pictures == [one.data for one in references]
    assert base64.b64decode(call.json["input_image"]).startswith(b"\xff\xd8\xff")
    assert "input_image_4" not in call.json


async def test_flux_2_is_asked_for_the_photos_shape_in_steps_of_sixteen_pixels(tmp_path):
    async with bench("bfl", tmp_path) as at:
        edited = await at.edit()
        full = ImageEditParams(
            prompt=PROMPT,
            aspect_ratio="16:9",
            megapixels="4",
            output_format="png",
            safety_tolerance=5,
            seed=3,
        )
        large = await at.edit(params=full)
        await at.edit(params=ImageEditParams(prompt=PROMPT, aspect_ratio="auto"))
        bodies = [call.json for call in at.standin.calls if call.step]
    assert (edited.width, edited.height) == (864, 1152)
    assert (large.width, large.height, large.media_type) == (2656, 1488, "image/png")
    assert {name: value for name, value in bodies[1].items() if name != "input_image"} == {
        "prompt": PROMPT,
        "width": 2656,
        "height": 1488,
        "output_format": "png",
        "safety_tolerance": 5,
        "seed": 3,
    }
    assert not {"width", "height", "aspect_ratio"} & set(bodies[2])


async def test_kontext_is_asked_for_a_ratio(tmp_path):
    async with bench("bfl", tmp_path) as at:
        await at.edit(model=KONTEXT)
        body = at.standin.calls[0].json
    assert body["aspect_ratio"] == "3:4"
    assert "width" not in body


@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (1, 1), (1, 4), (21, 9), (4000, 1000), (9000, 1000)])
@pytest.mark.parametrize("megapixels", [1, 2, 4])
def test_every_size_is_one_that_may_be_asked_for(shape, megapixels):
    rules = shipped().get("bfl", PRO).capabilities.free_size
    width, height = free_size(*shape, megapixels, rules)
    assert not width % 16
    assert not height % 16
    assert rules.least_pixels <= width * height <= megapixels * 1_000_000
    assert max(width, height) <= rules.longest_side


async def test_the_picture_is_fetched_without_the_key(tmp_path):
    async with bench("bfl", tmp_path) as at:
        await at.edit()
        [download] = [call for call in at.standin.calls if call.path.startswith("/samples/")]
    assert "x-key" not in download.headers


@pytest.mark.parametrize(
    "address",
    [
        "https://bfl.ai.evil.example",
        "https://notbfl.ai",
        "http://api.eu1.bfl.ai",
        "https://api.eu1.bfl.ai:8443",
        "https://me:you@api.eu1.bfl.ai",
        "//api.bfl.ai",
        "",
    ],
)
async def test_the_key_goes_to_no_address_but_the_makers_own(address, tmp_path):
    async with bench("bfl", tmp_path, Script([Step("polled_at", address=address)])) as at:
        with pytest.raises(ProviderPermanent, match="foreign_address"):
            await at.edit()
        assert [call.method for call in at.standin.calls] == ["POST"]


async def test_another_host_is_not_asked_even_if_it_would_answer(tmp_path):
    async with bench("bfl", tmp_path) as at, running(bfl_app()) as other:
        at.standin.elsewhere = other.base_url
        with pytest.raises(ProviderPermanent, match="foreign_address"):
            await at.edit()
        assert other.standin.calls == []


async def test_another_server_of_the_maker_is_asked_with_the_key():
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"status": "Request Moderated"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        driver = BflDriver(client, base_url="https://api.bfl.ai", poll_seconds=0.0)
        task = Task(id="t", polling_url="https://api.eu1.bfl.ai/v1/get_result?id=t")
        with pytest.raises(ProviderRefused):
            await driver._wait(task, (KEY, PROMPT), Deadline.after(5))
    assert (asked[0].url.host, asked[0].headers["x-key"]) == ("api.eu1.bfl.ai", KEY)


@pytest.mark.parametrize(
    ("address", "reason"),
    [("http://cdn.example/a.jpg", "insecure_address"), ("https://10.0.0.1/a.jpg", "forbidden_address")],
)
async def test_a_picture_from_a_place_where_none_may_be_is_not_fetched(address, reason, tmp_path):
    async with bench("bfl", tmp_path, Script([Step("elsewhere", address=address)])) as at:
        with pytest.raises(ProviderPermanent) as failed:
            await at.edit()
    assert failed.value.reason == reason


async def test_broken_polls_and_a_task_that_is_not_known_yet_do_not_give_the_picture_up(tmp_path):
    script = Script([Step("poll_fails", times=3), Step("unknown_first", times=2)])
    async with bench("bfl", tmp_path, script) as at:
        assert (await at.edit()).width
        assert (await at.edit()).width
        assert at.standin.pictures_asked() == 2


async def test_a_task_that_was_known_is_not_given_up_at_the_first_server_that_does_not_know_it(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("appliance.providers.bfl.driver.NOT_FOUND_SECONDS", 0.3)
    script = Script([Step("unknown_between", times=2)])
    async with bench("bfl", tmp_path, script, waiting=40) as at:
        assert (await at.edit()).width


async def test_a_task_at_work_is_waited_for_whatever_its_state_is_called(tmp_path):
    async with bench("bfl", tmp_path, Script(["reasoning"]), waiting=5) as at:
        assert (await at.edit()).width
        assert at.standin.pictures_asked() == 1


async def test_staff_are_told_why_a_photo_or_prompt_was_moderated_without_what_it_quotes(tmp_path):
    async with bench("bfl", tmp_path, Script(["output_refused"])) as at:
        with pytest.raises(ProviderRefused) as failed:
            await at.edit()
    assert failed.value.detail == "Moderation Reasons: Derivative Works Filter"
    quoting = TaskState(status="Request Moderated", details={"input": PROMPT, "score": 1})
    with pytest.raises(ProviderRefused) as failed:
        quoting.address("t", (KEY, PROMPT))
    assert failed.value.detail == "input: […]; score: 1"


async def test_a_task_that_stays_unknown_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr("appliance.providers.bfl.driver.NOT_FOUND_SECONDS", 0.1)
    async with bench("bfl", tmp_path, Script(["lost"])) as at:
        with pytest.raises(ProviderUnreachable, match="Task_not_found"):
            await at.edit()


async def test_no_credits_last_until_somebody_pays(tmp_path):
    async with bench("bfl", tmp_path, Script(["empty_account"])) as at:
        with pytest.raises(ProviderSpent) as failed:
            await at.edit()
        assert (failed.value.reason, failed.value.http_status) == ("no_credits", 402)
        assert await at.driver.probe(KEY, Deadline.after(5)) is True
        at.standin.credits = 0.0
        with pytest.raises(ProviderSpent, match="no_credits"):
            await at.driver.probe(KEY, Deadline.after(5))


EDIT = ImageEditParams(prompt=PROMPT)


@pytest.mark.parametrize(
    ("change", "model", "roles", "field"),
    [
        ({}, None, set(), None),
        ({}, "flux-pro-1.1", set(), "model"),
        ({"aspect_ratio": "5:1"}, PRO, set(), "params.aspect_ratio"),
        ({"aspect_ratio": "7:5"}, PRO, set(), None),
        ({"aspect_ratio": "7:5"}, KONTEXT, set(), "params.aspect_ratio"),
        ({}, KONTEXT, {"reference"}, "template_media"),
        ({}, KLEIN, {"reference"}, None),
    ],
)
async def test_what_the_model_would_reject_is_refused_when_the_slot_is_saved(change, model, roles, field):
    async with httpx.AsyncClient() as client:
        driver = BflDriver(client, base_url="https://provider.example")
        found = driver.problems("image_edit", EDIT.model_copy(update=change), model, frozenset(roles))
        assert "operation" in driver.problems("combine", EDIT, None, frozenset())
    assert list(found) == ([field] if field else [])


async def test_more_pictures_than_the_model_takes_are_not_sent(tmp_path):
    async with bench("bfl", tmp_path) as at:
        with pytest.raises(ProviderPermanent, match="too_many_images"):
            await at.edit(model=KLEIN, templates=(template("reference"),) * 4)
        assert at.standin.calls == []
