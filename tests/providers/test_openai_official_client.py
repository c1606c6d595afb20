"""OpenAI's own package agrees with our driver's requests and with the stand-in's answers."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, get_args, get_type_hints

import openai
import pytest
from openai.types import image_edit_params
from PIL import Image
from pydantic import TypeAdapter

from appliance.providers.openai.settings import ImageEditParams
from tests.providers.photos import picture_bytes, template
from tests.providers.remote import KEY, PROMPT, bench
from tests.standins import Script, Step, openai_app, running
from tests.standins.openai import VALUES

HINTS = get_type_hints(image_edit_params.ImageEditParamsNonStreaming)


async def test_our_requests_are_what_the_official_types_describe(tmp_path):
    full = ImageEditParams(
        prompt=PROMPT, quality="high", output_format="webp", output_compression=80, background="opaque"
    )
    async with bench("openai", tmp_path) as at:
        await at.edit(templates=(template("reference", kind="PNG"),))
        await at.edit(params=full)
        await at.edit(params=ImageEditParams.model_validate({"prompt": PROMPT, "moderation": "low"}))
        calls = [call for call in at.standin.calls if call.step]
    for call in calls:
        assert {file.name for file in call.files} == {"image[]"}
        for name, value in call.fields:
            TypeAdapter(HINTS[name]).validate_python(value)


def test_the_standin_takes_no_parameter_or_value_that_the_client_does_not_know():
    for name in VALUES:
        adapter = TypeAdapter(HINTS[name])
        for value in VALUES[name]:
            adapter.validate_python(value)


@asynccontextmanager
async def client(script: Script | None = None) -> AsyncIterator[openai.AsyncOpenAI]:
    """OpenAI's own client, as an application uses it."""
    async with (
        running(openai_app(script, keys=[KEY])) as server,
        openai.AsyncOpenAI(api_key=KEY, base_url=f"{server.base_url}/v1", max_retries=0) as made,
    ):
        yield made


async def edit(made: openai.AsyncOpenAI, **changes: Any) -> Any:
    asked = {"model": "gpt-image-1.5", "prompt": PROMPT, "size": "1024x1536", "output_format": "jpeg"}
    return await made.images.edit(image=[("photo.jpg", picture_bytes(), "image/jpeg")], **asked | changes)


async def test_the_official_client_gets_a_picture_from_the_standin():
    async with client() as made:
        answer = await edit(made)
    assert Image.open(io.BytesIO(base64.b64decode(answer.data[0].b64_json))).size == (1024, 1536)
    usage = answer.usage
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens > 0
    assert usage.input_tokens == usage.input_tokens_details.image_tokens + (
        usage.input_tokens_details.text_tokens
    )
    assert answer.output_format in get_args(get_args(HINTS["output_format"])[0])


async def test_the_official_client_reads_a_models_life():
    async with client() as made:
        ending = await made.models.retrieve("gpt-image-1.5")
        listed = [model.id async for model in made.models.list()]
        with pytest.raises(openai.NotFoundError) as failed:
            await made.models.retrieve("dall-e-3")
    assert ending.shutdown_date == "2026-12-01"
    assert "gpt-image-1.5" in listed
    assert failed.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("play", "error", "code"),
    [
        ("quota", openai.RateLimitError, "rate_limit_exceeded"),
        ("empty_account", openai.RateLimitError, "insufficient_quota"),
        ("key_revoked", openai.AuthenticationError, "invalid_api_key"),
        ("refused", openai.BadRequestError, "moderation_blocked"),
        ("unverified", openai.PermissionDeniedError, None),
        ("location", openai.PermissionDeniedError, "unsupported_country_region_territory"),
        ("conflict", openai.ConflictError, None),
        ("unavailable", openai.InternalServerError, None),
    ],
)
async def test_the_official_client_reads_the_standins_errors(play, error, code):
    async with client(Script([Step(play)])) as made:
        with pytest.raises(error) as failed:
            await edit(made)
    assert failed.value.code == code


@pytest.mark.parametrize("play", ["conflict", "timeout", "unavailable", "quota"])
async def test_the_official_client_tries_again_what_our_driver_calls_transient(play):
    step = Step(play, headers=(("retry-after-ms", "1"),))
    async with (
        running(openai_app(Script([step]), keys=[KEY])) as server,
        openai.AsyncOpenAI(api_key=KEY, base_url=f"{server.base_url}/v1", max_retries=1) as made,
    ):
        assert (await edit(made)).data
        assert server.standin.pictures_asked() == 2
