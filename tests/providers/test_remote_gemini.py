"""What is Gemini's own: the order of parts, shapes and sizes, the request's limit, odd answers."""

from __future__ import annotations

import base64
import io

import httpx
import pytest
from PIL import Image

from appliance.providers.base import (
    ProviderBadKey,
    ProviderNoImage,
    ProviderPermanent,
    ProviderQuota,
    ProviderRefused,
)
from appliance.providers.gemini import settings
from appliance.providers.gemini.driver import GeminiDriver
from tests.providers.photos import noise_bytes, photo_in, template
from tests.providers.remote import KEY, PROMPT, bench
from tests.standins import Script, Step

DEFAULT, SMALL, LARGE = "gemini-nano-banana-2.1", "gemini-2.5-flash-image", "gemini-3-pro-image"


def parts_of(call) -> list[dict]:
    return call.json["contents"][0]["parts"]


async def test_the_photo_is_first_then_templates_in_role_order_then_the_prompt(tmp_path):
    templates = (
        template("style"),
        template("overlay"),
        template("background", "cat"),
        template("reference", "chelsea"),
    )
    async with bench("gemini", tmp_path) as at:
        await at.edit(
            operation="combine",
            params=settings.CombineParams(prompt=PROMPT),
            templates=templates,
            model=LARGE,
        )
        [call] = at.standin.calls
    *images, last = parts_of(call)
    sent = [base64.b64decode(part["inlineData"]["data"]) for part in images]
    assert sent[1:] == [templates[3].data, templates[2].data, templates[0].data]
    assert Image.open(io.BytesIO(sent[0])).size == (300, 400)
    assert PROMPT in last["text"]
    assert "Image 3 is the background. Image 4 is the style" in last["text"]


async def test_the_key_travels_in_its_header_and_nowhere_else(tmp_path):
    async with bench("gemini", tmp_path) as at:
        await at.edit()
        [call] = at.standin.calls
    assert call.path == f"/v1beta/models/{DEFAULT}:generateContent"
    assert [name for name, value in call.headers.items() if KEY in value] == ["x-goog-api-key"]
    assert KEY.encode() not in call.body


async def test_an_image_edit_prompt_is_sent_word_for_word(tmp_path):
    async with bench("gemini", tmp_path) as at:
        await at.edit()
        assert parts_of(at.standin.calls[0])[-1] == {"text": PROMPT}


@pytest.mark.parametrize(
    ("operation", "params", "role"),
    [
        ("style_transfer", settings.StyleTransferParams(prompt=PROMPT), "style"),
        ("background_replace", settings.BackgroundReplaceParams(prompt=PROMPT), "background"),
    ],
)
async def test_the_scaffolding_says_whether_a_template_is_there(operation, params, role, tmp_path):
    async with bench("gemini", tmp_path) as at:
        await at.edit(operation=operation, params=params)
        await at.edit(operation=operation, params=params, templates=(template(role),))
        alone, with_template = (parts_of(call)[-1]["text"] for call in at.standin.calls)
    assert PROMPT in alone
    assert PROMPT in with_template
    assert "described below" in alone
    assert "described below" not in with_template


@pytest.mark.parametrize(
    ("wanted", "sent", "size"),
    [("photo", "3:4", (896, 1200)), ("16:9", "16:9", (1376, 768)), ("1:1", "1:1", (1024, 1024))],
)
async def test_the_picture_has_the_shape_that_was_asked_for(wanted, sent, size, tmp_path):
    async with bench("gemini", tmp_path) as at:
        edited = await at.edit(params=settings.ImageEditParams(prompt=PROMPT, aspect_ratio=wanted))
        config = at.standin.calls[0].json["generationConfig"]
    assert config["imageConfig"] == {"aspectRatio": sent}
    assert (edited.width, edited.height) == size


async def test_a_sized_model_makes_the_size_that_was_asked_for(tmp_path):
    async with bench("gemini", tmp_path) as at:
        edited = await at.edit(params=settings.ImageEditParams(prompt=PROMPT, image_size="2K"), model=LARGE)
    assert (edited.width, edited.height) == (1792, 2400)


async def test_a_photo_too_large_for_the_request_is_sent_smaller(tmp_path):
    async with bench("gemini", tmp_path, driver={"max_request_bytes": 1_500_000}) as at:
        photo = photo_in(tmp_path, noise_bytes(1800))
        await at.edit(photo=photo, input_max_side=None)
        assert len(at.standin.calls[0].body) <= 1_500_000
    assert photo.asked == [None, 1536, 1024]


async def test_a_request_that_cannot_be_made_small_enough_is_not_sent(tmp_path):
    async with bench("gemini", tmp_path, driver={"max_request_bytes": 10_000}) as at:
        with pytest.raises(ProviderPermanent) as failed:
            await at.edit()
        assert at.standin.calls == []
    assert failed.value.reason == "request_too_large"


async def test_drafts_in_thought_parts_are_not_the_picture(tmp_path):
    async with bench("gemini", tmp_path, Script([Step("thought_first")])) as at:
        assert (await at.edit()).width == 896


async def test_the_last_picture_is_the_finished_one(tmp_path):
    async with bench("gemini", tmp_path, Script([Step("drafts")])) as at:
        assert (await at.edit()).width == 896


async def test_signatures_of_two_megabytes_beside_each_part_fit(tmp_path):
    async with bench("gemini", tmp_path, Script([Step("signatures")])) as at:
        assert (await at.edit()).width == 896


@pytest.mark.parametrize("reason", ["NO_IMAGE", "IMAGE_OTHER", "OTHER", "MALFORMED_RESPONSE", "LANGUAGE"])
async def test_an_answer_without_a_picture_may_be_asked_for_again_at_once(reason, tmp_path):
    async with bench("gemini", tmp_path, Script([Step("finish", reason=reason)])) as at:
        with pytest.raises(ProviderNoImage) as failed:
            await at.edit()
    assert failed.value.reason == reason
    assert failed.value.again


@pytest.mark.parametrize(
    "reason",
    [
        "SAFETY", "IMAGE_SAFETY", "PROHIBITED_CONTENT", "IMAGE_PROHIBITED_CONTENT", "RECITATION",
        "IMAGE_RECITATION", "BLOCKLIST", "SPII", "ESCALATION", "MODEL_ARMOR",
    ],
)  # fmt: skip
async def test_a_refusal_is_final(reason, tmp_path):
    async with bench("gemini", tmp_path, Script([Step("finish", reason=reason)])) as at:
        with pytest.raises(ProviderRefused) as failed:
            await at.edit()
    assert failed.value.reason == reason


@pytest.mark.parametrize("reason", ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY"])
async def test_a_blocked_prompt_is_refused(reason, tmp_path):
    async with bench("gemini", tmp_path, Script([Step("prompt_blocked", reason=reason)])) as at:
        with pytest.raises(ProviderRefused) as failed:
            await at.edit()
    assert failed.value.reason == reason


async def test_an_account_that_google_has_limited_is_told_from_a_refused_photo(tmp_path):
    async with bench("gemini", tmp_path, Script([Step("finish", reason="PUP_LIMITED_DISABLED")])) as at:
        with pytest.raises(ProviderBadKey) as failed:
            await at.edit()
    assert failed.value.reason == "PUP_LIMITED_DISABLED"


async def test_the_other_spelling_of_inline_data_is_understood(tmp_path):
    async with bench("gemini", tmp_path, Script([Step("snake_case")])) as at:
        assert (await at.edit()).width == 896


async def test_a_failure_keeps_the_answers_id(tmp_path):
    async with bench("gemini", tmp_path, Script([Step("no_image"), Step("refused")])) as at:
        for number in (1, 2):
            with pytest.raises(Exception, match=r"NO_IMAGE|IMAGE_SAFETY") as failed:
                await at.edit()
            assert failed.value.response_id == f"standin-{number}"


async def test_a_delay_with_fractions_is_read(tmp_path):
    async with bench("gemini", tmp_path, Script([Step("quota", retry_after=2.5)])) as at:
        with pytest.raises(ProviderQuota) as failed:
            await at.edit()
    assert failed.value.retry_after == 2.5


@pytest.mark.parametrize(("play", "wait"), [("minute_quota", 17.75), ("daily_quota", 900.0)])
async def test_a_quota_of_the_day_rests_longer_than_google_asks_for(tmp_path, play, wait):
    async with bench("gemini", tmp_path, Script([play])) as at:
        with pytest.raises(ProviderQuota) as failed:
            await at.edit()
    assert (failed.value.reason, failed.value.retry_after) == ("RESOURCE_EXHAUSTED", wait)


EDIT = settings.ImageEditParams(prompt=PROMPT)


@pytest.mark.parametrize(
    ("operation", "params", "model", "roles", "field"),
    [
        ("image_edit", EDIT, None, set(), None),
        ("image_edit", EDIT, LARGE, {"reference", "overlay"}, None),
        ("image_edit", EDIT, "gemini-0", set(), "model"),
        ("paint", EDIT, None, set(), "operation"),
        ("combine", EDIT, None, set(), "operation"),
        ("image_edit", EDIT.model_copy(update={"image_size": "2K"}), SMALL, set(), "params.image_size"),
        ("image_edit", EDIT.model_copy(update={"image_size": "4K"}), LARGE, set(), None),
        ("combine", settings.CombineParams(prompt="x"), LARGE, set(), "template_media.reference"),
        ("combine", settings.CombineParams(prompt="x"), LARGE, {"reference"}, None),
        (
            "combine",
            settings.CombineParams(prompt="x"),
            SMALL,
            {"reference", "background", "style"},
            "template_media",
        ),
        ("style_transfer", settings.StyleTransferParams(), None, set(), "params.prompt"),
        ("style_transfer", settings.StyleTransferParams(), None, {"style"}, None),
        ("background_replace", settings.BackgroundReplaceParams(prompt=" "), None, set(), "params.prompt"),
    ],
)
async def test_what_the_model_would_reject_is_refused_when_the_slot_is_saved(
    operation, params, model, roles, field
):
    async with httpx.AsyncClient() as client:
        driver = GeminiDriver(client, base_url="https://provider.example")
        found = driver.problems(operation, params, model, frozenset(roles))
    assert list(found) == ([field] if field else [])


async def test_more_templates_than_the_model_takes_are_not_sent(tmp_path):
    async with bench("gemini", tmp_path) as at:
        with pytest.raises(ProviderPermanent) as failed:
            await at.edit(templates=(template("reference"),) * 3, model=SMALL)
        assert at.standin.calls == []
    assert failed.value.reason == "too_many_images"


def test_every_prompt_is_a_multi_line_field_with_a_title():
    for operation in settings.OPERATIONS.values():
        prompt = operation.params.model_json_schema()["properties"]["prompt"]
        assert prompt["x-multiline"] is True
        assert prompt["title"]
        assert prompt["description"]


@pytest.mark.parametrize(
    "change",
    [
        {"unknownField": 1},
        {"contents": []},
        {"contents": [{"role": "user", "parts": [{"text": "no photo"}]}]},
        {"generationConfig": {"imageConfig": {"imageSize": "512"}}},
        {"generationConfig": {"imageConfig": {"aspectRatio": "7:5"}}},
        {"safetySettings": [{"category": "HARM_CATEGORY_DULLNESS", "threshold": "OFF"}]},
    ],
)
async def test_the_standin_refuses_what_the_real_one_would(change, tmp_path):
    async with bench("gemini", tmp_path) as at, httpx.AsyncClient(trust_env=False) as client:
        await at.edit()
        [call] = at.standin.calls
        url, headers = at.base_url + call.path, {"x-goog-api-key": KEY}
        answer = await client.post(url, json=call.json | change, headers=headers)
        reordered = {"contents": [{"role": "user", "parts": parts_of(call)[::-1]}]}
        wrong_order = await client.post(url, json=call.json | reordered, headers=headers)
        too_large = await client.post(url, content=b" " * 100_000_001, headers=headers)
        assert at.standin.pictures_asked() == 1
    for refused in (answer, wrong_order, too_large):
        assert refused.status_code == 400
        assert refused.json()["error"]["status"] == "INVALID_ARGUMENT"


async def test_a_request_without_a_key_is_told_so_by_the_standin(tmp_path):
    async with bench("gemini", tmp_path) as at, httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{at.base_url}/v1beta/models")
    assert answer.status_code == 403
