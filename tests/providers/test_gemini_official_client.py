"""Google's own package agrees with our driver's requests and with the stand-in's answers."""

from __future__ import annotations

import asyncio
import io
from typing import Any, get_args

import pytest
from google import genai
from google.genai import errors, types
from PIL import Image

from appliance.providers.gemini.settings import GeminiParams
from tests.providers.photos import picture_bytes, template
from tests.providers.remote import KEY, PROMPT, bench, image_edit
from tests.standins import Script, Step, gemini_app, running

MODEL = "gemini-nano-banana-2.1"


async def test_our_requests_are_what_the_official_types_describe(tmp_path):
    params = image_edit("gemini", image_size="2K", safety_threshold="BLOCK_ONLY_HIGH")
    async with bench("gemini", tmp_path) as at:
        await at.edit(params=params, model=MODEL, templates=(template("reference", kind="PNG"),))
        [call] = at.standin.calls
    body = call.json
    [content] = [types.Content.model_validate(one) for one in body["contents"]]
    assert content.role == "user"
    photo, reference, prompt = content.parts
    assert (photo.inline_data.mime_type, reference.inline_data.mime_type) == ("image/jpeg", "image/png")
    assert Image.open(io.BytesIO(photo.inline_data.data)).size == (300, 400)
    assert prompt.text == PROMPT
    config = types.GenerationConfig.model_validate(
        {
            key: value
            for key, value in body["generationConfig"].items()
            if key not in ("imageConfig", "thinkingConfig")
        }
    )
    assert config.response_modalities == [types.Modality.IMAGE]
    image = types.ImageConfig.model_validate(body["generationConfig"]["imageConfig"])
    assert (image.aspect_ratio, image.image_size) == ("3:4", "2K")
    thinking = types.ThinkingConfig.model_validate(body["generationConfig"]["thinkingConfig"])
    assert thinking.thinking_level == types.ThinkingLevel.MINIMAL
    for setting in body["safetySettings"]:
        parsed = types.SafetySetting.model_validate(setting)
        assert parsed.category in set(types.HarmCategory)
        assert parsed.threshold is types.HarmBlockThreshold.BLOCK_ONLY_HIGH


TIERS = ("standard", "priority", "flex")


@pytest.mark.parametrize("tier", TIERS)
async def test_the_service_tier_is_where_and_what_the_official_client_sends(tmp_path, tier):
    async with bench("gemini", tmp_path) as at:
        await at.edit(params=image_edit("gemini", service_tier=tier), model=MODEL)
        await asyncio.to_thread(
            generate, at.standin.base_url, config={"service_tier": types.ServiceTier(tier)}
        )
        ours, theirs = [call.json for call in at.standin.calls if call.step]
    assert types.ServiceTier(theirs["serviceTier"]) is types.ServiceTier(tier)
    # The usual tier is left out.
    assert ours.get("serviceTier", "standard") == theirs["serviceTier"]


def test_our_service_tiers_are_the_official_ones():
    named = {tier.value for tier in types.ServiceTier} - {types.ServiceTier.UNSPECIFIED.value}
    assert set(TIERS) == named
    assert set(get_args(GeminiParams.model_fields["service_tier"].annotation)) == named


def generate(
    base_url: str, key: str = KEY, config: dict[str, Any] | None = None, **image: str
) -> types.GenerateContentResponse:
    """One call as an application of Google's package makes it; it blocks."""
    options = types.HttpOptions(
        base_url=base_url, api_version="v1beta", retry_options=types.HttpRetryOptions(attempts=1)
    )
    with genai.Client(api_key=key, http_options=options) as client:
        return client.models.generate_content(
            model=MODEL,
            contents=[types.Part.from_bytes(data=picture_bytes(), mime_type="image/jpeg"), PROMPT],
            config=types.GenerateContentConfig(
                response_modalities=["IMAGE"], image_config=types.ImageConfig(**image), **(config or {})
            ),
        )


async def test_the_official_client_gets_a_picture_from_the_standin():
    async with running(gemini_app(keys=[KEY])) as server:
        answer = await asyncio.to_thread(generate, server.base_url, aspect_ratio="16:9", image_size="2K")
    [part] = answer.parts
    assert Image.open(io.BytesIO(part.inline_data.data)).size == (2752, 1536)
    assert answer.candidates[0].finish_reason is types.FinishReason.STOP
    assert answer.response_id == "standin-1"


@pytest.mark.parametrize(
    ("play", "reason"),
    [
        ("no_image", types.FinishReason.NO_IMAGE),
        ("refused", types.FinishReason.IMAGE_SAFETY),
        (Step("finish", reason="MAX_TOKENS"), types.FinishReason.MAX_TOKENS),
        (Step("finish", reason="IMAGE_OTHER"), types.FinishReason.IMAGE_OTHER),
    ],
)
async def test_the_official_client_reads_why_there_is_no_picture(play, reason):
    async with running(gemini_app(Script([play]), keys=[KEY])) as server:
        answer = await asyncio.to_thread(generate, server.base_url)
    assert answer.candidates[0].finish_reason is reason


async def test_the_official_client_reads_a_blocked_prompt():
    async with running(gemini_app(Script([Step("prompt_blocked")]), keys=[KEY])) as server:
        answer = await asyncio.to_thread(generate, server.base_url)
    assert answer.prompt_feedback.block_reason is types.BlockedReason.PROHIBITED_CONTENT


@pytest.mark.parametrize(
    ("play", "code", "status"),
    [
        ("quota", 429, "RESOURCE_EXHAUSTED"),
        ("unavailable", 503, "UNAVAILABLE"),
        ("key_revoked", 400, "INVALID_ARGUMENT"),
    ],
)
async def test_the_official_client_reads_the_standins_errors(play, code, status):
    async with running(gemini_app(Script([Step(play, retry_after=3)]), keys=[KEY])) as server:
        with pytest.raises(errors.APIError) as failed:
            await asyncio.to_thread(generate, server.base_url)
    assert (failed.value.code, failed.value.status) == (code, status)
