"""What is Turbotext's own: the queue, both ways of handing pictures over, where the result is."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import AsyncMock

import httpx
import pytest

from appliance.core.clock import Deadline
from appliance.core.images import sniff
from appliance.providers.base import ProviderNoImage, ProviderPermanent, ProviderUnreachable
from appliance.providers.breaker import Circuits
from appliance.providers.catalogue import shipped
from appliance.providers.routes import EditPlan, Route
from appliance.providers.runner import EditJob, RouteRunner
from appliance.providers.timings import RouteTimings
from appliance.providers.turbotext import settings
from appliance.providers.turbotext.driver import TurbotextDriver
from tests.providers.photos import photo_in, picture_bytes, template
from tests.providers.remote import KEY, PROMPT, bench
from tests.standins import Script, Step

EDIT = settings.ImageEditParams(prompt=PROMPT)
STYLE = settings.StyleTransferParams(prompt=PROMPT)
FACE = settings.IdentityTransferParams(face_restore=False)


async def run_route(at, seconds):
    """What the retries above the driver make of it."""
    model = lambda _provider, _operation, name: name  # noqa: E731 - as it was asked for
    registry = SimpleNamespace(driver=lambda _: at.driver, model=model, catalogue=shipped())
    ring = SimpleNamespace(take=lambda _provider, _model, _without: KEY, refresh=AsyncMock())
    runner = RouteRunner(registry, ring, RouteTimings(None), Circuits())
    route = Route("turbotext", "image_edit", None, EDIT)
    free = lambda _provider, _deadline: nullcontext()  # noqa: E731 - as many permits as wanted
    plan = EditPlan("job-1", (route,))
    job = EditJob(plan, at.request.photo, Deadline.after(seconds), free, [], at.request.publisher)
    return await runner.run(job, route, last_chance=True)


def created(at):
    [call] = [call for call in at.standin.calls if call.step]
    return call


async def test_an_image_edit_sends_its_documented_fields(tmp_path):
    async with bench("turbotext", tmp_path) as at:
        await at.edit(params=EDIT.model_copy(update={"seed": 7, "negative_prompt": "hats, glasses"}))
        call = created(at)
    assert call.path == "/api_ai/generate_image2image"
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert call.headers["content-type"] == "application/x-www-form-urlencoded"
    fields = dict(call.fields)
    assert fields.pop("url").startswith("http://127.0.0.1:")
    assert fields == {
        "do": "create_queue",
        "content": PROMPT,
        "strength": "40",
        "scale": "7.5",
        "seed": "7",
        "negative_prompt": "hats, glasses",
        "original_language": "ru",
        "user_id": "1",
    }


@pytest.mark.parametrize(
    ("operation", "params", "role", "method", "photo_field"),
    [
        ("style_transfer", STYLE, "style", "mix_images", "url_image_target"),
        ("identity_transfer", FACE, "face", "deepfake_photo", "url"),
    ],
)
async def test_the_photo_and_the_template_go_where_the_method_wants_them(
    operation, params, role, method, photo_field, tmp_path
):
    chosen = template(role)
    async with bench("turbotext", tmp_path) as at:
        await at.edit(operation=operation, params=params, templates=(chosen,))
        call, lent = created(at), at.request.publisher.images
    assert call.path == f"/api_ai/{method}"
    other = ({"url", "url_image_target"} - {photo_field}).pop()
    assert lent[call.field(other).rpartition("/")[2]].data == chosen.data
    assert lent[call.field(photo_field).rpartition("/")[2]].data != chosen.data


async def test_face_restore_is_spelt_as_documented(tmp_path):
    async with bench("turbotext", tmp_path) as at:
        await at.edit(operation="identity_transfer", params=FACE, templates=(template("face"),))
        assert created(at).field("face_restore") == "False"


async def test_an_upload_sends_the_photo_itself_and_lends_nothing(tmp_path):
    driver = {"transport": "upload", "can_publish": False}
    async with bench("turbotext", tmp_path, driver=driver) as at:
        await at.edit(publisher=None)
        call = created(at)
    [file] = call.files
    assert (file.name, file.media_type) == ("file", "image/jpeg")
    assert call.field("url") is None


async def test_an_upload_with_two_pictures_still_lends_the_second(tmp_path):
    async with bench("turbotext", tmp_path, driver={"transport": "upload"}) as at:
        await at.edit(operation="identity_transfer", params=FACE, templates=(template("face"),))
        call = created(at)
        assert len(at.request.publisher.images) == 1
    assert [file.name for file in call.files] == ["file"]
    assert call.field("url_image_target")


async def test_polling_goes_on_until_the_picture_is_ready(tmp_path):
    async with bench("turbotext", tmp_path, Script([Step("reconnect", times=6)])) as at:
        edited = await at.edit()
        polls = [call for call in at.standin.calls if call.field("do") == "get_result"]
        assert len(polls) == 7
        assert {call.field("queueid") for call in polls} == {edited.response_id}


async def test_polling_ends_with_the_deadline(tmp_path):
    async with bench("turbotext", tmp_path, Script([Step("reconnect", times=10_000)])) as at:
        with pytest.raises(TimeoutError):
            await at.edit(seconds=0.3)


async def test_broken_polls_do_not_give_up_a_picture_that_is_paid_for(tmp_path):
    async with bench("turbotext", tmp_path, Script([Step("poll_fails", times=9)])) as at:
        assert (await at.edit()).width
        assert at.standin.pictures_asked() == 1


async def test_polls_that_stay_broken_end_with_the_deadline_and_no_second_picture_is_ordered(tmp_path):
    script = Script([Step("poll_fails", times=99)])
    async with bench("turbotext", tmp_path, script, driver={"poll_seconds": 1.0}) as at:
        with pytest.raises(ProviderUnreachable) as failed:
            await at.edit(seconds=2.0)
    assert failed.value.reason == "http_503"
    assert failed.value.response_id
    assert not failed.value.again


async def test_the_queue_is_asked_again_for_a_place_after_a_pause(tmp_path):
    async with bench("turbotext", tmp_path, Script(["unavailable", "reset"])) as at:
        assert (await at.edit(seconds=30)).width
        assert at.standin.pictures_asked() == 3


async def test_the_queue_is_asked_three_times_at_most_because_every_call_is_billed(tmp_path):
    async with bench("turbotext", tmp_path, Script(then="unavailable")) as at:
        with pytest.raises(ProviderUnreachable) as failed:
            await at.edit(seconds=30)
        assert at.standin.pictures_asked() == 3
    assert not failed.value.again


async def test_with_less_than_10_seconds_left_the_queue_is_not_asked_again(tmp_path):
    async with bench("turbotext", tmp_path, Script(then="unavailable")) as at:
        with pytest.raises(ProviderUnreachable):
            await at.edit(seconds=10)
        assert at.standin.pictures_asked() == 1


async def test_a_route_that_has_made_all_its_paid_calls_is_not_tried_again(tmp_path):
    async with bench("turbotext", tmp_path, Script(then="unavailable")) as at:
        with pytest.raises(ProviderUnreachable):
            await run_route(at, seconds=60)
        assert at.standin.pictures_asked() == 3


async def test_a_connection_that_never_came_about_costs_nothing_and_may_be_tried_again(tmp_path):
    async with bench("turbotext", tmp_path) as at:
        at.driver._base_url = "http://127.0.0.1:9"
        with pytest.raises(ProviderUnreachable) as failed:
            await at.edit(seconds=30)
    assert failed.value.again


@pytest.mark.parametrize("play", ["inside_data", "relative", "documented", "missing_once"])
async def test_the_result_is_found_wherever_it_is_documented_to_be(play, tmp_path):
    async with bench("turbotext", tmp_path, Script([Step(play)])) as at:
        assert (await at.edit()).width


async def test_a_result_that_comes_late_is_waited_for(tmp_path):
    async with bench("turbotext", tmp_path, Script([Step("missing_once", times=9)])) as at:
        assert (await at.edit()).width
        assert at.standin.pictures_asked() == 1


async def test_a_result_that_never_appears_is_no_image_and_no_other_is_ordered(tmp_path):
    async with bench("turbotext", tmp_path, Script([Step("missing_once", times=99)])) as at:
        at.driver._downloader = replace(at.driver._downloader, waits=(60.0,))
        with pytest.raises(ProviderNoImage) as failed:
            await at.edit()
    assert failed.value.reason == "download_404"
    assert not failed.value.again


async def test_a_result_inside_the_venues_network_is_not_fetched(tmp_path):
    async with bench("turbotext", tmp_path) as at, bench("turbotext", tmp_path) as other:
        at.standin.script = Script([Step("elsewhere", address=f"{other.base_url}/download.php?f=1.jpg")])
        with pytest.raises(ProviderPermanent) as failed:
            await at.edit()
        assert other.standin.calls == []
    assert failed.value.reason == "forbidden_address"


async def test_a_picture_that_the_provider_cannot_fetch_is_final(tmp_path):
    async with bench("turbotext", tmp_path) as at:
        at.request.publisher.base_url = "http://127.0.0.1:9"
        with pytest.raises(ProviderPermanent) as failed:
            await at.edit()
    assert failed.value.reason == "url_error"


async def test_json_that_calls_itself_html_is_understood(tmp_path):
    async with bench("turbotext", tmp_path, Script([Step("wrong_type")])) as at:
        with pytest.raises(ProviderUnreachable) as failed:
            await at.edit()
    assert failed.value.reason == "no_queueid"


async def test_a_probe_creates_nothing(tmp_path):
    async with bench("turbotext", tmp_path) as at:
        await at.driver.probe(KEY, Deadline.after(5))
        [call] = at.standin.calls
    assert dict(call.fields) == {"do": "get_result", "queueid": "0"}


WORDY = EDIT.model_copy(update={"negative_prompt": "word " * 81})
JUST = EDIT.model_copy(update={"negative_prompt": "word " * 80})


@pytest.mark.parametrize(
    ("options", "operation", "params", "roles", "fields"),
    [
        ({"can_publish": True}, "image_edit", JUST, set(), []),
        ({"can_publish": True}, "image_edit", WORDY, set(), ["params.negative_prompt"]),
        ({"can_publish": False}, "image_edit", EDIT, set(), ["operation"]),
        ({"can_publish": False, "transport": "upload"}, "image_edit", EDIT, set(), []),
        ({"can_publish": False, "transport": "upload"}, "style_transfer", STYLE, {"style"}, ["operation"]),
        ({"can_publish": True}, "style_transfer", STYLE, {"face"}, ["template_media.style"]),
        ({"can_publish": True}, "identity_transfer", FACE, {"face", "overlay"}, []),
        ({"can_publish": True}, "identity_transfer", EDIT, {"face"}, ["operation"]),
    ],
)
async def test_what_would_be_rejected_is_refused_when_the_slot_is_saved(
    options, operation, params, roles, fields
):
    async with httpx.AsyncClient() as client:
        driver = TurbotextDriver(client, base_url="https://provider.example", **options)
        assert list(driver.problems(operation, params, None, frozenset(roles))) == fields
        assert (
            "model" in driver.problems(operation, params, "some-model", frozenset(roles))
            or "operation" in fields
        )


@pytest.mark.parametrize(
    "fields",
    [
        {"do": "create_queue"},
        {"do": "create_queue", "content": "x", "surprise": "1"},
        {"do": "create_queue", "content": "x", "strength": "81"},
        {"do": "create_queue", "content": "x", "seed": "many"},
        {"do": "dance"},
    ],
)
async def test_the_standin_refuses_what_the_real_one_would(fields, tmp_path):
    async with bench("turbotext", tmp_path) as at, httpx.AsyncClient(trust_env=False) as client:
        url = f"{at.base_url}/api_ai/generate_image2image"
        answer = await client.post(url, data=fields, headers={"Authorization": f"Bearer {KEY}"})
        unknown = await client.post(url, data=fields, headers={"Authorization": KEY})
        assert at.standin.pictures_asked() == 0
    assert answer.json() == {"success": False, "error": "params_error"}
    assert unknown.status_code == 401


@pytest.mark.parametrize("transport", ["url", "upload"])
async def test_photos_and_templates_go_as_jpeg_or_png_only(transport, tmp_path):
    folder = tmp_path / "webp"
    folder.mkdir()
    photo = photo_in(folder, picture_bytes(kind="WEBP"))
    photo.media_type = "image/webp"
    style = template("style", kind="WEBP")
    async with bench("turbotext", tmp_path, driver={"transport": transport}) as at:
        await at.edit(photo=photo, input_max_side=None)
        await at.edit(
            photo=photo, input_max_side=None, operation="style_transfer", params=STYLE, templates=(style,)
        )
        uploaded = [file for call in at.standin.calls for file in call.files]
        lent = list(at.request.publisher.images.values())
    sent = [(one.data, one.media_type) for one in (*uploaded, *lent)]
    assert len(sent) == 3
    assert {(sniff(data).media_type, said) for data, said in sent} == {("image/jpeg", "image/jpeg")}


async def test_an_account_that_takes_no_uploads_is_told_from_wrong_parameters(tmp_path):
    async with bench("turbotext", tmp_path, driver={"transport": "upload"}, upload=False) as at:
        with pytest.raises(ProviderPermanent) as failed:
            await at.edit()
        assert (failed.value.reason, failed.value.lasting) == ("upload_not_accepted", True)
        assert at.standin.pictures_asked() == 0
        at.standin.upload = True
        assert (await at.edit()).width
        at.standin.upload = False
        with pytest.raises(ProviderPermanent) as failed:
            await at.edit()
    assert failed.value.reason == "params_error", "uploads have worked, so it is something else"
