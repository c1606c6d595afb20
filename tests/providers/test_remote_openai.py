"""What is OpenAI's own: the form's fields, sizes, file types."""

from __future__ import annotations

import httpx
import pytest

from appliance.providers.base import ProviderPermanent, ProviderRefused, ProviderUnreachable
from appliance.providers.catalogue import shipped
from appliance.providers.openai import sizes
from appliance.providers.openai.driver import OpenAIDriver
from appliance.providers.openai.settings import OPERATIONS, ImageEditParams
from tests.providers.photos import template
from tests.providers.remote import KEY, PROMPT, bench
from tests.standins import Script, Step


async def test_the_photo_is_the_first_image_and_templates_follow(tmp_path):
    references = (template("reference"), template("reference", "cat", kind="PNG"))
    async with bench("openai", tmp_path) as at:
        await at.edit(templates=(template("overlay"), *references))
        [call] = at.standin.calls
    assert call.path == "/v1/images/edits"
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert [file.name for file in call.files] == ["image[]"] * 3
    assert [file.data for file in call.files[1:]] == [one.data for one in references]
    assert [file.media_type for file in call.files] == ["image/jpeg", "image/jpeg", "image/png"]


DEFAULT, OLD = "gpt-image-2.6-flare", "gpt-image-1.5"


async def test_what_the_model_would_choose_anyway_is_left_unsaid(tmp_path):
    async with bench("openai", tmp_path) as at:
        await at.edit()
        [call] = at.standin.calls
    assert dict(call.fields) == {
        "model": DEFAULT,
        "prompt": PROMPT,
        "size": "1024x1360",
        "output_format": "jpeg",
    }


async def test_the_fields_are_those_of_the_parameters(tmp_path):
    params = ImageEditParams(
        prompt=PROMPT,
        size="auto",
        quality="xhigh",
        output_format="webp",
        output_compression=80,
        background="transparent",
        complexity="low",
    )
    async with bench("openai", tmp_path) as at:
        await at.edit(params=params)
        [call] = at.standin.calls
    assert dict(call.fields) == {
        "model": DEFAULT,
        "prompt": PROMPT,
        "size": "auto",
        "quality": "xhigh",
        "output_format": "webp",
        "output_compression": "80",
        "background": "transparent",
        "complexity": "low",
    }


@pytest.mark.parametrize(
    ("model", "chosen", "sent"),
    [
        (OLD, "auto", "high"),
        (OLD, "low", "low"),
        ("gpt-image-1-mini", "auto", None),
        ("gpt-image-1-mini", "low", "low"),
        ("gpt-image-2", "high", None),
        (DEFAULT, "high", None),
    ],
)
async def test_likeness_is_asked_only_of_a_model_that_knows_it(model, chosen, sent, tmp_path):
    async with bench("openai", tmp_path) as at:
        await at.edit(model=model, params=ImageEditParams(prompt=PROMPT, input_fidelity=chosen))
        assert dict(at.standin.calls[0].fields).get("input_fidelity") == sent


@pytest.mark.parametrize(
    ("model", "size", "sent"),
    [
        (DEFAULT, "photo", "1024x1360"),
        (DEFAULT, "10x15", "1024x1536"),
        (DEFAULT, "16:9", "1024x1824"),
        (DEFAULT, "square", "1024x1024"),
        (DEFAULT, "1216x1824", "1216x1824"),
        (OLD, "10x15", "1024x1536"),
        (OLD, "square", "1024x1024"),
        (OLD, "1216x1824", "1024x1536"),
    ],
)
async def test_a_size_is_one_that_the_model_takes(model, size, sent, tmp_path):
    async with bench("openai", tmp_path) as at:
        edited = await at.edit(model=model, params=ImageEditParams(prompt=PROMPT, size=size))
        assert dict(at.standin.calls[0].fields)["size"] == sent
    assert f"{edited.width}x{edited.height}" == sent


async def test_every_model_that_is_offered_makes_a_picture(tmp_path):
    async with bench("openai", tmp_path) as at:
        assert at.driver.models[0] == DEFAULT
        for model in at.driver.models:
            await at.edit(model=model)


async def test_a_slot_saved_for_another_model_still_makes_its_picture(tmp_path):
    params = ImageEditParams(
        prompt=PROMPT, quality="max", background="transparent", output_format="png", complexity="low"
    )
    async with bench("openai", tmp_path) as at:
        await at.edit(model="gpt-image-2", params=params)
        fields = dict(at.standin.calls[0].fields)
    assert {"quality", "background", "complexity"} & fields.keys() == set()


FREE = shipped().of("openai").by_id[DEFAULT].capabilities
RULES = FREE.free_size


def test_whatever_is_asked_for_ends_in_a_size_that_the_rules_allow():
    assert RULES is not None
    sides = (100, 333, 1000, 1023, 1600, 2161, 3841, 9999)
    for width in sides:
        for height in sides:
            found = sizes.nearest_allowed(width, height, RULES)
            assert sizes.problem(found, DEFAULT, FREE) is None, (width, height, found)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("name", sizes.SHAPES)
def test_a_shape_lies_or_stands_like_the_photo(name, wide):
    found = sizes.size_for(name, (4000, 3000) if wide else (3000, 4000), FREE)
    width, height = map(int, found.split("x"))
    across, down = sizes.SHAPES[name]
    assert (width >= height) if wide else (width <= height)
    assert abs(min(width, height) / max(width, height) - across / down) < 0.01


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
async def test_the_picture_is_typed_by_its_bytes(kind, tmp_path):
    async with bench("openai", tmp_path) as at:
        edited = await at.edit(params=ImageEditParams(prompt=PROMPT, size="1024x1024", output_format=kind))
    assert edited.media_type == f"image/{kind}"
    assert (edited.width, edited.height) == (1024, 1024)
    assert edited.response_id == "req_1"


EDIT = ImageEditParams(prompt=PROMPT)


@pytest.mark.parametrize(
    ("change", "model", "field"),
    [
        ({}, None, None),
        ({}, "gpt-image-0", "model"),
        ({"background": "transparent"}, None, "params.background"),
        ({"background": "transparent", "output_format": "png"}, None, None),
        ({"background": "transparent", "output_format": "png"}, "gpt-image-2", "params.background"),
        ({"output_format": "png", "output_compression": 50}, None, "params.output_compression"),
        ({"size": "1200x1800"}, OLD, "params.size"),
        ({"size": "1200x1800"}, None, "params.size"),
        ({"size": "1216x1824"}, None, None),
        ({"size": "3840x2160"}, None, None),
        ({"size": "16:9"}, OLD, None),
        ({"quality": "max"}, None, None),
        ({"quality": "max"}, "gpt-image-2", "params.quality"),
        ({"input_fidelity": "low"}, "gpt-image-2", "params.input_fidelity"),
        ({"input_fidelity": "high"}, "gpt-image-1-mini", "params.input_fidelity"),
        ({"complexity": "low"}, "gpt-image-2.5-flare", "params.complexity"),
    ],
)
async def test_what_the_model_would_reject_is_refused_when_the_slot_is_saved(change, model, field):
    async with httpx.AsyncClient() as client:
        driver = OpenAIDriver(client, base_url="https://provider.example")
        found = driver.problems("image_edit", EDIT.model_copy(update=change), model, frozenset())
        assert "operation" in driver.problems("combine", EDIT, None, frozenset())
    assert list(found) == ([field] if field else [])


async def test_a_size_that_breaks_the_rules_is_refused_with_the_rules_and_one_that_fits():
    async with httpx.AsyncClient() as client:
        driver = OpenAIDriver(client, base_url="https://provider.example")
        wrong = EDIT.model_copy(update={"size": "1200x1800"})
        found = driver.problems("image_edit", wrong, None, frozenset())
    assert found["params.size"] == (
        f"{DEFAULT} takes sides that 16 divides, 655360 to 8294400 pixels, at most 3840x2160 and 3 to 1; "
        "1200x1792 would do"
    )


async def test_more_images_than_the_model_takes_are_not_sent(tmp_path):
    async with bench("openai", tmp_path) as at:
        with pytest.raises(ProviderPermanent, match="too_many_images"):
            await at.edit(templates=(template("reference"),) * 16)
        assert at.standin.calls == []


def test_the_prompt_is_a_multi_line_field():
    prompt = OPERATIONS["image_edit"].params.model_json_schema()["properties"]["prompt"]
    assert prompt["x-multiline"] is True
    assert prompt["maxLength"] == 32_000


@pytest.mark.parametrize(
    ("play", "headers", "again", "wait"),
    [
        ("unavailable", {"retry-after": "0.25"}, True, 0.25),
        ("unavailable", {"retry-after-ms": "125", "retry-after": "3"}, True, 0.125),
        ("conflict", {"retry-after-ms": "10"}, True, 0.01),
        ("timeout", {}, True, None),
        ("unavailable", {"x-should-retry": "false"}, False, None),
        ("conflict", {"x-should-retry": "false"}, False, None),
        ("bad_request", {"x-should-retry": "true", "retry-after": "1"}, True, 1.0),
    ],
)
async def test_what_openai_says_of_another_try_is_obeyed(play, headers, again, wait, tmp_path):
    script = Script([Step(play, headers=tuple(headers.items()))])
    async with bench("openai", tmp_path, script) as at:
        with pytest.raises(ProviderUnreachable) as failed:
            await at.edit()
    assert failed.value.again is again
    assert failed.value.retry_after == wait


async def test_a_refusal_is_not_asked_for_again_whatever_its_headers_say(tmp_path):
    script = Script([Step("refused", headers=(("x-should-retry", "true"),))])
    async with bench("openai", tmp_path, script) as at:
        with pytest.raises(ProviderRefused):
            await at.edit()
