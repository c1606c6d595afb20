"""What Gemini is asked, model by model: what one takes is sent, what it does not take is left out."""

from __future__ import annotations

import httpx
import pytest

from appliance.core.clock import Deadline
from appliance.providers.base import TemplateImage
from appliance.providers.catalogue import Layer, ProviderModels, shipped
from appliance.providers.gemini import settings
from appliance.providers.gemini.driver import GeminiDriver
from tests.providers.photos import noise_bytes, photo_in
from tests.providers.remote import KEY, PROMPT, bench
from tests.standins.gemini_request import Takes

DEFAULT, SMALL, LARGE = "gemini-nano-banana-2.1", "gemini-2.5-flash-image", "gemini-3-pro-image"


def with_model(model: str, **facts: object) -> ProviderModels:
    """Gemini's models with one more, which is the default."""
    changes = {"gemini": {"default": model, "models": {model: facts}}}
    catalogue = shipped().with_layer(Layer("test", changes))
    assert catalogue.problems == ()
    return catalogue.of("gemini")


async def test_a_new_model_needs_a_line_of_configuration_only(tmp_path):
    tiny = "gemini-5-tiny-image"
    models = with_model(tiny, capabilities={"ratios": ["1:1", "2:3"], "sizes": ["1K"], "pictures_in": 3})
    async with bench(
        "gemini", tmp_path, driver={"models": models}, models={tiny: Takes(sizes=("1K",), images=3)}
    ) as at:
        edited = await at.edit()
        assert at.driver.models[0] == tiny
    assert (edited.width, edited.height) == (848, 1264)


async def test_a_ratio_that_is_not_in_the_models_table_is_refused():
    models = with_model("square", capabilities={"ratios": ["1:1"]})
    async with httpx.AsyncClient() as client:
        driver = GeminiDriver(client, base_url="https://provider.example", models=models)
        wide = settings.ImageEditParams(prompt=PROMPT, aspect_ratio="21:9")
        assert list(driver.problems("image_edit", wide, None, frozenset())) == ["params.aspect_ratio"]


async def test_every_model_that_is_offered_is_there(tmp_path):
    async with bench("gemini", tmp_path) as at:
        assert at.driver.models[0] == DEFAULT
        for model in at.driver.models:
            await at.driver.probe(KEY, Deadline.after(5), model)
            await at.edit(model=model)


@pytest.mark.parametrize(
    ("model", "thinking", "sent"),
    [
        (DEFAULT, None, {"thinkingLevel": "MINIMAL"}),
        (DEFAULT, "high", {"thinkingLevel": "HIGH"}),
        (DEFAULT, "auto", None),
        (LARGE, None, None),
        (SMALL, None, None),
    ],
)
async def test_a_model_thinks_as_little_as_it_can_unless_told_otherwise(model, thinking, sent, tmp_path):
    params = settings.ImageEditParams(prompt=PROMPT, **({"thinking": thinking} if thinking else {}))
    async with bench("gemini", tmp_path) as at:
        await at.edit(model=model, params=params)
        assert at.standin.calls[0].json["generationConfig"].get("thinkingConfig") == sent


async def test_googles_own_safety_and_tier_are_left_unsaid_and_others_are_sent(tmp_path):
    strict = settings.ImageEditParams(
        prompt=PROMPT, safety_threshold="BLOCK_ONLY_HIGH", service_tier="priority"
    )
    async with bench("gemini", tmp_path) as at:
        await at.edit()
        await at.edit(params=strict)
        plain, told = (call.json for call in at.standin.calls)
    assert {"safetySettings", "serviceTier"} & plain.keys() == set()
    assert {one["threshold"] for one in told["safetySettings"]} == {"BLOCK_ONLY_HIGH"}
    assert told["serviceTier"] == "priority"


async def test_another_version_of_the_interface_can_be_asked(tmp_path):
    async with bench("gemini", tmp_path, driver={"api_version": "v1"}) as at:
        await at.edit()
        await at.driver.probe(KEY, Deadline.after(5))
        paths = [call.path for call in at.standin.calls]
    assert paths == [f"/v1/models/{DEFAULT}:generateContent", "/v1/models"]


async def test_a_slot_saved_for_another_model_still_makes_its_picture(tmp_path):
    params = settings.ImageEditParams(prompt=PROMPT, aspect_ratio="1:8", image_size="512", thinking="high")
    async with bench("gemini", tmp_path) as at:
        edited = await at.edit(model=LARGE, params=params)
        config = at.standin.calls[0].json["generationConfig"]
    assert config == {"responseModalities": ["IMAGE"], "imageConfig": {"aspectRatio": "9:16"}}
    assert (edited.width, edited.height) == (768, 1376)


async def test_what_a_model_cannot_do_is_refused_with_what_it_can():
    params = settings.ImageEditParams(prompt=PROMPT, aspect_ratio="1:8", image_size="512", thinking="medium")
    async with httpx.AsyncClient() as client:
        driver = GeminiDriver(client, base_url="https://provider.example")
        found = {
            model: driver.problems("image_edit", params, model, frozenset())
            for model in (DEFAULT, LARGE, "gemini-3.1-flash-image")
        }
    assert found[DEFAULT] == {"params.image_size": f"{DEFAULT} takes auto, 1K, 2K, 4K"}
    assert list(found[LARGE]) == ["params.aspect_ratio", "params.image_size", "params.thinking"]
    assert found[LARGE]["params.thinking"] == f"{LARGE} has no choice here: leave it out"
    assert list(found["gemini-3.1-flash-image"]) == ["params.thinking"]


async def test_a_photo_is_not_shrunk_for_its_templates_below_what_was_asked_for(tmp_path):
    templates = (TemplateImage(noise_bytes(1800), "image/jpeg", "reference", "media-1"),) * 4
    async with bench("gemini", tmp_path) as at:
        photo = photo_in(tmp_path, noise_bytes(1800))
        await at.edit(photo=photo, input_max_side=None, templates=templates)
        assert len(at.standin.calls[0].body) > 20_971_520
    assert photo.asked == [None]
