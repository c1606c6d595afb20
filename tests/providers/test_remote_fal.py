"""What is fal's own: the queue, where the key goes, the input of each app, what is tried again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from appliance.core.clock import Deadline
from appliance.providers.attempts import Attempt
from appliance.providers.base import ProviderError, ProviderNoImage, ProviderPermanent, ProviderUnreachable
from appliance.providers.catalogue import shipped
from appliance.providers.fal.driver import FalDriver
from appliance.providers.fal.settings import OPERATIONS, AnyAppParams, ImageEditParams
from appliance.providers.keys import KeyRing
from appliance.providers.registry import ProviderRegistry
from appliance.providers.routes import Route
from appliance.providers.runner import RouteRunner
from appliance.providers.usage import Usage, cost_of
from appliance.settings.operator import OperatorSettings
from tests.providers.photos import picture_bytes, template
from tests.providers.remote import KEY, PROMPT, bench
from tests.providers.routes import Keys as GeminiKeys
from tests.providers.routes import engine
from tests.standins import Script, Step, fal_app, running

NANO, KONTEXT, FLUX2 = "google/nano-banana-2.1/edit", "fal-ai/flux-pro/kontext", "fal-ai/flux-2-pro/edit"


def submitted(at):
    return [call for call in at.standin.calls if call.method == "POST"]


async def test_the_photo_goes_first_and_templates_follow_as_data_uris(tmp_path):
    references = (template("reference"), template("reference", "cat", kind="PNG"))
    async with bench("fal", tmp_path) as at:
        await at.edit(templates=(template("overlay"), *references))
        [call] = submitted(at)
    assert call.path == f"/{NANO}"
    assert call.headers["authorization"] == f"Key {KEY}"
    assert [uri.partition(",")[0] for uri in call.json["image_urls"]] == [
        "data:image/jpeg;base64",
        "data:image/jpeg;base64",
        "data:image/png;base64",
    ]


async def test_the_input_is_what_the_app_knows(tmp_path):
    async with bench("fal", tmp_path) as at:
        full = {"resolution": "2K", "output_format": "webp", "safety_tolerance": 3, "seed": 7}
        made = await at.edit(params=ImageEditParams(prompt=PROMPT, aspect_ratio="16:9", **full))
        await at.edit(model=KONTEXT)
        await at.edit(model=FLUX2, params=ImageEditParams(prompt=PROMPT, aspect_ratio="auto"))
        nano, kontext, flux = (call.json for call in submitted(at))
    assert made.media_type == "image/webp"
    nano.pop("image_urls")
    assert nano == {"prompt": PROMPT, "aspect_ratio": "16:9", **full, "safety_tolerance": "3"}
    assert kontext.pop("image_url").startswith("data:image/jpeg")
    assert kontext == {"prompt": PROMPT, "aspect_ratio": "3:4", "output_format": "jpeg"}
    flux.pop("image_urls")
    assert flux == {"prompt": PROMPT, "output_format": "jpeg"}


async def test_any_app_is_asked_with_the_input_that_was_typed(tmp_path):
    params = AnyAppParams(
        app=KONTEXT, prompt=PROMPT, image_field="image_url", more='{"guidance_scale": 3.5, "seed": 4}'
    )
    async with bench("fal", tmp_path) as at:
        await at.edit(operation="any_app", params=params)
        with pytest.raises(ProviderPermanent, match="extra_forbidden"):
            await at.edit(operation="any_app", params=params.model_copy(update={"more": '{"size": "big"}'}))
        body = submitted(at)[0].json
    assert (body["guidance_scale"], body["seed"], body["prompt"]) == (3.5, 4, PROMPT)


async def test_an_app_that_is_gone_is_permanent(tmp_path):
    async with bench("fal", tmp_path) as at:
        with pytest.raises(ProviderPermanent) as failed:
            await at.edit(operation="any_app", params=AnyAppParams(app="fal-ai/of-last-year", prompt=PROMPT))
    assert (failed.value.reason, failed.value.http_status) == ("app_not_found", 404)


class Keys(GeminiKeys):
    def keys(self, provider: str) -> Sequence[str]:
        return [KEY] if provider == "fal" else ()


async def attempts_of_an_app(app: str, script: Script, folder: Path) -> tuple[RouteRunner, list[Attempt]]:
    """What a photo tries at an app that is none of the models, and who knows what was learned of those."""
    settings = OperatorSettings(default_models={"fal": KONTEXT})
    async with engine(folder, Script()) as at, running(fal_app(script)) as fal:
        registry = ProviderRegistry(settings, {"fal": fal.base_url})
        at.runner.registry, at.runner.keys = registry, KeyRing(Keys(()))
        params = registry.parse("fal", "any_app", {"app": app, "prompt": PROMPT, "image_field": "image_url"})
        try:
            return at.runner, await at.attempts(Route("fal", "any_app", None, params))
        finally:
            await registry.aclose()


async def test_an_app_that_is_gone_says_nothing_of_fals_default_model(tmp_path):
    runner, [attempt] = await attempts_of_an_app("fal-ai/of-last-year", Script(), tmp_path)
    assert attempt.reason == "app_not_found"
    assert runner.models.of("fal", KONTEXT) is None


async def test_a_picture_of_any_app_does_not_cost_what_the_default_model_costs(tmp_path):
    runner, [attempt] = await attempts_of_an_app(KONTEXT, Script(), tmp_path)
    assert (attempt.outcome, attempt.billed, attempt.price) == ("delivered", True, None)
    assert runner.models.of("fal", KONTEXT) is None


async def test_fal_is_told_when_it_is_too_late_and_to_keep_pictures_for_an_hour_only(tmp_path):
    async with bench("fal", tmp_path) as at:
        await at.edit(seconds=9.0)
        [call] = submitted(at)
    assert 8.0 < float(call.headers["x-fal-request-timeout"]) <= 9.0
    assert call.headers["x-fal-object-lifecycle-preference"] == '{"expiration_duration_seconds": 3600}'


async def test_a_request_that_comes_too_late_is_cancelled_at_fal(tmp_path):
    async with bench("fal", tmp_path, Script([Step("never_done")])) as at:
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            await at.edit(seconds=0.4)
        assert time.monotonic() - started < 1.0
        [place] = at.standin.places.values()
        async with asyncio.timeout(3):
            await place.cancelled.wait()
        [cancelled] = [call for call in at.standin.calls if call.method == "PUT"]
        assert cancelled.key == KEY
        await at.edit()
        assert [call.method for call in at.standin.calls].count("PUT") == 1


async def test_a_request_is_cancelled_even_if_the_connection_breaks_at_that(tmp_path):
    async with bench("fal", tmp_path, Script([Step("never_done")])) as at:
        at.standin.cancels_lost = 2
        with pytest.raises(TimeoutError):
            await at.edit(seconds=0.4)
        [place] = at.standin.places.values()
        async with asyncio.timeout(3):
            await place.cancelled.wait()


async def test_the_key_goes_to_the_configured_address_whatever_addresses_fal_names(tmp_path):
    async with bench("fal", tmp_path) as at, running(fal_app()) as other:
        at.standin.elsewhere = other.base_url
        assert (await at.edit()).width
        assert other.standin.calls == []


async def test_the_picture_is_fetched_without_the_key(tmp_path):
    async with bench("fal", tmp_path) as at:
        await at.edit()
        [download] = [call for call in at.standin.calls if call.path.startswith("/files/")]
    assert "authorization" not in download.headers


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://cdn.example/a.jpg", "insecure_address"),
        ("https://127.0.0.1/a.jpg", "forbidden_address"),
        ("data:image/png;base64,AA", "insecure_address"),
    ],
)
async def test_a_picture_from_a_place_where_none_may_be_is_not_fetched(address, reason, tmp_path):
    async with bench("fal", tmp_path, Script([Step("elsewhere", address=address)])) as at:
        with pytest.raises(ProviderPermanent) as failed:
            await at.edit()
    assert failed.value.reason == reason


async def test_broken_polls_and_a_lost_answer_do_not_give_the_picture_up(tmp_path):
    async with bench("fal", tmp_path, Script([Step("poll_fails", times=3), "result_lost"])) as at:
        assert (await at.edit()).width
        assert (await at.edit()).width
        assert at.standin.pictures_asked() == 2


@pytest.mark.parametrize("how", ["reset", "cut_off", "html_page", "truncated_json", "quota"])
async def test_a_picture_that_was_made_is_asked_for_again_however_its_answer_got_lost(how, tmp_path):
    async with bench("fal", tmp_path, Script([Step("result_lost", reason=how)])) as at:
        assert (await at.edit()).width
        assert at.standin.pictures_asked() == 1


async def test_a_model_that_answers_with_one_image_is_understood(tmp_path):
    async with bench("fal", tmp_path, Script(["single"])) as at:
        assert (await at.edit()).width


@pytest.mark.parametrize(
    ("play", "again"),
    [
        (Step("unavailable"), True),
        (Step("conflict"), True),
        (Step("server_error"), False),
        (Step("app_timeout"), False),
        (Step("run_failed"), False),
        (Step("run_failed", times=2), True),
        (Step("passed_on"), True),
        (Step("other_form"), False),
        (Step("odd_form"), False),
    ],
    ids=lambda value: getattr(value, "name", value),
)
async def test_what_reached_the_app_is_tried_again_only_if_fal_says_so(play, again, tmp_path):
    async with bench("fal", tmp_path, Script([play])) as at:
        with pytest.raises((ProviderUnreachable, ProviderNoImage)) as failed:
            await at.edit()
    assert failed.value.again is again


@pytest.mark.parametrize(
    ("play", "billed"),
    [
        (Step("nsfw"), True),
        (Step("elsewhere", address="https://127.0.0.1/a.jpg"), True),
        (Step("broken_picture"), True),
        (Step("refused"), True),  # or may be
        (Step("run_failed"), False),
        (Step("passed_on"), False),
        (Step("unavailable"), False),
    ],
    ids=lambda value: getattr(value, "name", value),
)
async def test_a_run_that_ended_is_on_the_bill_whatever_became_of_its_picture(play, billed, tmp_path):
    told: list[Usage] = []
    async with bench("fal", tmp_path, Script([play])) as at:
        with pytest.raises(ProviderError):
            await at.edit(on_usage=told.append)
    assert bool(told) is billed


@pytest.mark.parametrize(
    ("model", "resolution", "price"),
    [(NANO, "auto", "0.040"), (NANO, "4K", "0.134"), (NANO, "2K", None), (KONTEXT, "auto", "0.04")],
)
async def test_a_picture_costs_what_the_catalogue_says_of_its_resolution(model, resolution, price, tmp_path):
    told: list[Usage] = []
    async with bench("fal", tmp_path) as at:
        params = ImageEditParams(prompt=PROMPT, resolution=resolution)
        await at.edit(model=model, params=params, on_usage=told.append)
    cost = cost_of(told[-1], shipped().get("fal", model).price, picture=True)
    assert (cost and cost.amount) == (price and Decimal(price))


async def test_the_place_in_the_queue_is_told(tmp_path):
    positions: list[int] = []
    async with bench("fal", tmp_path, waiting=3) as at:
        await at.edit(on_position=positions.append)
    assert positions == [2, 1, 0]


async def test_the_response_id_is_fals_own(tmp_path):
    async with bench("fal", tmp_path, Script(["ok", "refused"])) as at:
        edited = await at.edit()
        with pytest.raises(ProviderError) as failed:
            await at.edit()
        numbers = list(at.standin.places)
    assert [edited.response_id, failed.value.response_id] == numbers


EDIT = ImageEditParams(prompt=PROMPT)


@pytest.mark.parametrize(
    ("change", "model", "field"),
    [
        ({}, None, None),
        ({}, "fal-ai/unknown", "model"),
        ({"aspect_ratio": "9:21"}, NANO, "params.aspect_ratio"),
        ({"aspect_ratio": "9:21"}, KONTEXT, None),
        ({"aspect_ratio": "1:1"}, FLUX2, "params.aspect_ratio"),
        ({"resolution": "2K"}, KONTEXT, "params.resolution"),
        ({"output_format": "webp"}, FLUX2, "params.output_format"),
        ({"safety_tolerance": 6}, FLUX2, "params.safety_tolerance"),
    ],
)
async def test_what_the_app_would_reject_is_refused_when_the_slot_is_saved(change, model, field):
    async with httpx.AsyncClient() as client:
        driver = FalDriver(client, base_url="https://provider.example")
        found = driver.problems("image_edit", EDIT.model_copy(update=change), model, frozenset())
    assert list(found) == ([field] if field else [])


async def test_an_app_that_takes_one_picture_gets_no_template():
    async with httpx.AsyncClient() as client:
        driver = FalDriver(client, base_url="https://provider.example")
        assert "template_media" in driver.problems("image_edit", EDIT, KONTEXT, frozenset({"reference"}))
        app = AnyAppParams(app=KONTEXT, prompt=PROMPT, image_field="image_url")
        assert "template_media" in driver.problems("any_app", app, None, frozenset({"reference"}))
        assert "model" in driver.problems("any_app", app, NANO, frozenset())


@pytest.mark.parametrize(
    "more",
    [
        "[1]",
        "{",
        '{"prompt": "x"}',
        '{"image_urls": []}',
        '{"sync_mode": true}',
        "[" * 3000,
        '{"a": "\\ud800"}',
    ],
)
def test_further_input_must_be_an_object_without_what_we_fill_in(more):
    with pytest.raises(ValueError, match="more"):
        AnyAppParams(app=KONTEXT, prompt=PROMPT, more=more)


@pytest.mark.parametrize(
    "app", ["kontext", "/fal-ai/kontext", "fal-ai/../x/..", "https://fal.ai/x", "a/b?c=1"]
)
def test_what_is_no_apps_name_is_not_one(app):
    with pytest.raises(ValueError, match="app"):
        AnyAppParams(app=app, prompt=PROMPT)


async def test_a_probe_proves_nothing_but_a_web_page_is_not_fal(tmp_path):
    async with bench("fal", tmp_path) as at:
        assert await at.driver.probe(KEY, Deadline.after(5), NANO) is False
        at.standin.probes = Step("html_page")
        with pytest.raises(ProviderUnreachable):
            await at.driver.probe(KEY, Deadline.after(5))


def test_only_the_prompt_may_hold_values():
    schema = OPERATIONS["any_app"].params.model_json_schema()["properties"]
    assert schema["prompt"]["x-multiline"] is True
    assert "x-multiline" not in schema["more"]


async def test_the_picture_is_the_photo_that_was_sent_made_anew(tmp_path):
    async with bench("fal", tmp_path) as at:
        assert (await at.edit()).data != picture_bytes()
