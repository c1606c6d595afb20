"""The stand-ins refuse what the services refuse, whatever our drivers would send: row by row, at the wire."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.providers.photos import picture_bytes
from tests.providers.remote import KEY
from tests.standins import gemini_app, openai_app, running, turbotext_app

Ask = Callable[..., Awaitable[httpx.Response]]
PHOTO = {"inlineData": {"mimeType": "image/jpeg", "data": base64.b64encode(picture_bytes()).decode()}}
NANO, PRO, LITE, OLDER, OLDEST = (
    "gemini-nano-banana-2.1", "gemini-3-pro-image", "gemini-3.1-flash-lite-image",
    "gemini-3.1-flash-image", "gemini-2.5-flash-image",
)  # fmt: skip


@pytest.fixture
async def gemini() -> AsyncIterator[Ask]:
    """``await gemini(model, image={…}, thinking=…, **body)``: one call of generateContent."""
    async with running(gemini_app(keys=[KEY])) as server, httpx.AsyncClient(trust_env=False) as client:

        async def ask(
            model: str, *, image: Any = None, thinking: str = "", photos: int = 1, **body: Any
        ) -> httpx.Response:
            config: dict[str, Any] = {"responseModalities": ["IMAGE"], "imageConfig": image or {}}
            if thinking:
                config["thinkingConfig"] = {"thinkingLevel": thinking}
            parts = [PHOTO] * photos + [{"text": "a painting"}]
            asked = {"contents": [{"role": "user", "parts": parts}], "generationConfig": config, **body}
            url = f"{server.base_url}/v1/models/{model}:generateContent"
            return await client.post(url, json=asked, headers={"x-goog-api-key": KEY})

        yield ask


@pytest.mark.parametrize(
    "model", ["gemini-3.1-flash-image-preview", "gemini-3-pro-image-preview", "gemini-0"]
)
async def test_a_gemini_model_that_has_ended_is_not_found(gemini: Ask, model: str) -> None:
    answer = await gemini(model)
    assert (answer.status_code, answer.json()["error"]["status"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        (NANO, {"image": {"imageSize": "512"}}),
        (NANO, {"image": {"imageSize": "2k"}}),
        (NANO, {"thinking": "LOW"}),
        (PRO, {"image": {"imageSize": "512"}}),
        (PRO, {"image": {"aspectRatio": "1:8"}}),
        (PRO, {"thinking": "MINIMAL"}),
        (LITE, {"image": {"imageSize": "2K"}}),
        (LITE, {"image": {"aspectRatio": "4:1"}}),
        (LITE, {"thinking": "MEDIUM"}),
        (OLDER, {"thinking": "MEDIUM"}),
        (OLDEST, {"image": {"imageSize": "1K"}}),
        (OLDEST, {"thinking": "MINIMAL"}),
        (OLDEST, {"photos": 4}),
        (NANO, {"photos": 15}),
        (NANO, {"image": {"aspectRatio": "7:5"}}),
        (NANO, {"image": {"outputMimeType": "image/png"}}),
        (NANO, {"serviceTier": "first class"}),
        (NANO, {"moderation": "low"}),
    ],
)
async def test_gemini_refuses_what_the_model_does_not_take(
    gemini: Ask, model: str, asked: dict[str, Any]
) -> None:
    answer = await gemini(model, **asked)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("model", "asked", "size", "kind"),
    [
        (NANO, {"image": {"aspectRatio": "8:1"}, "thinking": "MEDIUM"}, (2816, 352), "JPEG"),
        (NANO, {"image": {"aspectRatio": "3:4", "imageSize": "1K"}}, (896, 1200), "JPEG"),
        (OLDER, {"image": {"aspectRatio": "1:1", "imageSize": "512"}}, (512, 512), "JPEG"),
        (OLDEST, {"image": {"aspectRatio": "3:4"}}, (896, 1200), "PNG"),
        (PRO, {"image": {"aspectRatio": "16:9", "imageSize": "2K"}, "photos": 14}, (2752, 1536), "JPEG"),
    ],
)
async def test_gemini_makes_what_the_model_takes(
    gemini: Ask, model: str, asked: dict[str, Any], size: tuple[int, int], kind: str
) -> None:
    answer = (await gemini(model, **asked)).json()
    [part] = answer["candidates"][0]["content"]["parts"]
    picture = Image.open(io.BytesIO(base64.b64decode(part["inlineData"]["data"])))
    assert (picture.size, picture.format) == (size, kind)
    usage = answer["usageMetadata"]
    counted = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    assert usage["totalTokenCount"] == sum(usage[name] for name in counted)
    assert answer["modelVersion"] == model
    assert answer["modelStatus"]["modelStage"] in {"STABLE", "DEPRECATED"}


@pytest.fixture
async def openai() -> AsyncIterator[Ask]:
    """``await openai(model=…, size=…)``: one edit, of one photo unless more are asked for."""
    async with running(openai_app(keys=[KEY])) as server, httpx.AsyncClient(trust_env=False) as client:

        async def ask(*, field: str = "image[]", photos: int = 1, **fields: str) -> httpx.Response:
            return await client.post(
                f"{server.base_url}/v1/images/edits",
                data={"model": "gpt-image-2.6-flare", "prompt": "a painting", "size": "1024x1024", **fields},
                files=[(field, ("photo.jpg", picture_bytes(), "image/jpeg"))] * photos,
                headers={"Authorization": f"Bearer {KEY}"},
            )

        yield ask


@pytest.mark.parametrize("model", ["gpt-image-1", "dall-e-2", "dall-e-3", "gpt-image-0"])
async def test_an_openai_model_that_has_ended_is_not_found(openai: Ask, model: str) -> None:
    answer = await openai(model=model)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("model", ["gpt-image-2", "gpt-image-2.5-flare", "gpt-image-2.6-sunburst"])
async def test_input_fidelity_is_refused_by_models_that_have_none(openai: Ask, model: str) -> None:
    answer = await openai(model=model, input_fidelity="high")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_input_fidelity_model")
    assert (await openai(model="gpt-image-1.5", input_fidelity="high")).status_code == 200


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("gpt-image-1.5", {"size": "1200x1600"}),
        ("gpt-image-1.5", {"quality": "xhigh"}),
        ("gpt-image-1-mini", {"input_fidelity": "high"}),
        ("gpt-image-2", {"quality": "max"}),
        ("gpt-image-2", {"complexity": "low"}),
        ("gpt-image-2.5-flare", {"complexity": "low"}),
        ("gpt-image-2.6-flare", {"size": "1201x1600"}),
        ("gpt-image-2.6-flare", {"size": "512x512"}),
        ("gpt-image-2.6-flare", {"size": "3856x2160"}),
        ("gpt-image-2.6-flare", {"size": "3200x1024"}),
        ("gpt-image-2.6-flare", {"size": "4:3"}),
        ("gpt-image-2.6-flare", {"quality": "best"}),
        ("gpt-image-2.6-flare", {"output_format": "bmp"}),
        ("gpt-image-2.6-flare", {"output_compression": "101"}),
        ("gpt-image-2.6-flare", {"background": "transparent", "output_format": "jpeg"}),
        ("gpt-image-2.6-flare", {"style": "vivid"}),
        ("gpt-image-2.6-flare", {"response_format": "b64_json"}),
        ("gpt-image-2.6-flare", {"prompt": "x" * 32_001}),
        ("gpt-image-2.6-flare", {"photos": 17}),
        ("gpt-image-2.6-flare", {"field": "photo"}),
    ],
)
async def test_openai_refuses_what_the_model_does_not_take(
    openai: Ask, model: str, fields: dict[str, Any]
) -> None:
    answer = await openai(model=model, **fields)
    assert answer.status_code == 400
    assert answer.json()["error"].keys() == {"message", "type", "param", "code"}


@pytest.mark.parametrize("size", ["1200x1600", "1808x1216", "3840x2160", "640x1024", "auto"])
async def test_openai_makes_any_size_that_fits_the_rules(openai: Ask, size: str) -> None:
    answer = (await openai(size=size, output_format="jpeg")).json()
    picture = Image.open(io.BytesIO(base64.b64decode(answer["data"][0]["b64_json"])))
    assert size in {"auto", f"{picture.width}x{picture.height}"}
    assert answer["usage"]["total_tokens"] > answer["usage"]["output_tokens"] > 0


@pytest.mark.parametrize(("kind", "taken"), [("JPEG", True), ("PNG", True), ("WEBP", False)])
async def test_turbotext_takes_jpeg_and_png_only(kind: str, *, taken: bool) -> None:
    async with running(turbotext_app(keys=[KEY])) as server, httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(
            f"{server.base_url}/api_ai/generate_image2image",
            data={"do": "create_queue", "content": "x"},
            files={"file": (f"photo.{kind.lower()}", picture_bytes(kind=kind), f"image/{kind.lower()}")},
            headers={"Authorization": f"Bearer {KEY}"},
        )
    assert answer.json()["success"] is taken
