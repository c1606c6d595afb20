"""What is OpenAI's own: the form's fields, sizes, file types."""

from __future__ import annotations

import httpx
import pytest

from appliance.providers.base import ProviderPermanent, ProviderRefused, ProviderUnreachable
from appliance.providers.openai.driver import OpenAIDriver
from appliance.providers.openai.models import ModelCapabilities
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


async def test_the_fields_are_those_of_the_parameters(tmp_path):
    async with bench("openai", tmp_path) as at:
        await at.edit()
        await at.edit(
            params=ImageEditParams(
                prompt=PROMPT,
                size="auto",
                quality="high",
                output_format="webp",
                output_compression=80,
                background="transparent",
                input_fidelity="low",
            )
        )
        plain, full = (dict(call.fields) for call in at.standin.calls)
    assert plain == {
        "model": "gpt-image-1.5",
        "prompt": PROMPT,
        "size": "1024x1536",
        "output_format": "jpeg",
        "input_fidelity": "high",
    }
    assert full == {
        "model": "gpt-image-1.5",
        "prompt": PROMPT,
        "size": "auto",
        "quality": "high",
        "output_format": "webp",
        "output_compression": "80",
        "background": "transparent",
        "input_fidelity": "low",
    }


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
        ({"output_format": "png", "output_compression": 50}, None, "params.output_compression"),
        ({"size": "1536x1024"}, "square", "params.size"),
    ],
)
async def test_what_the_model_would_reject_is_refused_when_the_slot_is_saved(change, model, field):
    models = {"gpt-image-1.5": ModelCapabilities(), "square": ModelCapabilities(sizes=("1024x1024",))}
    async with httpx.AsyncClient() as client:
        driver = OpenAIDriver(client, base_url="https://provider.example", models=models)
        found = driver.problems("image_edit", EDIT.model_copy(update=change), model, frozenset())
        assert "operation" in driver.problems("combine", EDIT, None, frozenset())
    assert list(found) == ([field] if field else [])


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
