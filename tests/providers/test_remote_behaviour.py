"""One table for all remote drivers: what the provider does, and what the driver makes of it."""

from __future__ import annotations

import asyncio
import base64
import logging
import time
import traceback

import pytest

from appliance.core.clock import Deadline
from appliance.providers.base import (
    ProviderBadKey,
    ProviderBadPicture,
    ProviderError,
    ProviderNoImage,
    ProviderNoModel,
    ProviderNotServed,
    ProviderPermanent,
    ProviderQuota,
    ProviderRefused,
    ProviderServiceOff,
    ProviderSpent,
    ProviderUnreachable,
    ProviderUnverified,
    ProviderWrongPlace,
)
from tests.providers.photos import picture_bytes
from tests.providers.remote import KEY, PROMPT, bench
from tests.standins import Script, Step

ALL = ("bfl", "fal", "gemini", "openai", "turbotext")  # those with keys
EVERY = (*ALL, "comfyui")
TYPED = ("bfl", "comfyui", "fal", "gemini", "openai")  # their JSON must call itself JSON

# what the provider does: (class, {provider: reason}); a provider that is not named cannot do it
TABLE: dict[str, tuple[type[ProviderError], dict[str, str]]] = {
    "no_image": (
        ProviderNoImage,
        {
            "bfl": "no_image",
            "comfyui": "no_image",
            "fal": "no_image",
            "gemini": "NO_IMAGE",
            "openai": "no_image",
            "turbotext": "no_address",
        },
    ),
    "execution_error": (ProviderNoImage, {"comfyui": "execution_error"}),
    "no_media": (ProviderNoImage, {"fal": "no_media_generated"}),
    "text_only": (ProviderNoImage, {"gemini": "STOP"}),
    "no_candidates": (ProviderNoImage, {"gemini": "no_candidates"}),
    "broken_base64": (ProviderBadPicture, dict.fromkeys(("gemini", "openai"), "broken_base64")),
    "broken_picture": (ProviderBadPicture, dict.fromkeys(EVERY, "undecodable_picture")),
    "refused": (
        ProviderRefused,
        {
            "bfl": "Request_Moderated",
            "fal": "content_policy_violation",
            "gemini": "IMAGE_SAFETY",
            "openai": "moderation_blocked",
            "turbotext": "forbidden_content",
        },
    ),
    "refused_at_top": (ProviderRefused, {"turbotext": "forbidden_content"}),
    "refused_late": (ProviderRefused, {"gemini": "IMAGE_PROHIBITED_CONTENT"}),
    "image_policy": (ProviderRefused, {"openai": "image_content_policy_violation"}),
    "output_refused": (ProviderRefused, {"bfl": "Content_Moderated"}),
    "nsfw": (ProviderRefused, {"fal": "has_nsfw_concepts"}),
    "no_face": (ProviderRefused, {"fal": "face_detection_error"}),
    "prompt_blocked": (ProviderRefused, {"gemini": "PROHIBITED_CONTENT"}),
    "face_not_detected": (ProviderRefused, {"turbotext": "face_not_detected"}),
    "quality_limit": (ProviderRefused, {"turbotext": "quality_limit"}),
    "params_error": (ProviderPermanent, {"turbotext": "params_error"}),
    "bad_request": (
        ProviderPermanent,
        {
            "bfl": "http_400",
            "comfyui": "invalid_prompt",
            "fal": "http_400",
            "gemini": "INVALID_ARGUMENT",
            "openai": "invalid_value",
        },
    ),
    "huge": (ProviderPermanent, dict.fromkeys(ALL, "answer_too_large")),  # ComfyUI makes it smaller
    "endless": (ProviderPermanent, dict.fromkeys(EVERY, "answer_too_large")),
    "key_revoked": (
        ProviderBadKey,
        {
            "bfl": "not_authenticated",
            "fal": "unauthorized",
            "gemini": "API_KEY_INVALID",
            "openai": "invalid_api_key",
            "turbotext": "auth_error",
        },
    ),
    "quota": (
        ProviderQuota,
        {
            "bfl": "http_429",
            "fal": "http_429",
            "gemini": "RESOURCE_EXHAUSTED",
            "openai": "rate_limit_exceeded",
            "turbotext": "LIMIT",
        },
    ),
    "expired_key": (ProviderBadKey, {"gemini": "API_KEY_INVALID"}),
    "blocked_key": (ProviderBadKey, {"gemini": "API_KEY_SERVICE_BLOCKED"}),
    "referrer_blocked": (ProviderBadKey, {"gemini": "API_KEY_HTTP_REFERRER_BLOCKED"}),
    "unauthenticated": (ProviderBadKey, {"gemini": "UNAUTHENTICATED"}),
    "restricted": (ProviderBadKey, {"openai": "missing_scope"}),
    "location": (ProviderWrongPlace, dict.fromkeys(("gemini", "openai"), "location_unsupported")),
    "service_disabled": (ProviderServiceOff, {"gemini": "service_disabled"}),
    "billing": (ProviderServiceOff, {"gemini": "billing_disabled"}),
    "free_tier": (ProviderServiceOff, {"gemini": "billing_disabled"}),
    "suspended": (ProviderServiceOff, {"gemini": "account_suspended"}),
    "restricted_model": (ProviderUnverified, {"gemini": "model_restricted"}),
    "unverified": (ProviderUnverified, {"openai": "organization_unverified"}),
    "denied": (ProviderNotServed, {"gemini": "PERMISSION_DENIED"}),
    "forbidden": (
        ProviderNotServed,
        {"bfl": "forbidden", "fal": "forbidden", "openai": "invalid_request_error"},
    ),
    "no_access": (ProviderNoModel, {"openai": "model_not_found"}),
    "empty_account": (
        ProviderSpent,
        {"bfl": "no_credits", "fal": "exhausted_balance", "openai": "insufficient_quota"},
    ),
    "other_address": (ProviderBadKey, {"openai": "ip_not_authorized"}),
    "no_credits": (ProviderSpent, {"openai": "credit_balance_exhausted"}),
    "spend_limit": (ProviderSpent, {"openai": "project_spend_limit_exceeded"}),
    "usage_limit": (ProviderSpent, {"openai": "organization_usage_limit_exceeded"}),
    "new_limit": (ProviderSpent, {"openai": "some_other_limit_exceeded"}),
    "credits_depleted": (ProviderSpent, {"gemini": "credits_depleted"}),
    "credits_depleted_before": (ProviderSpent, {"gemini": "credits_depleted"}),
    "spending_cap": (ProviderSpent, {"gemini": "spending_cap"}),
    "no_free_tier": (ProviderServiceOff, {"gemini": "billing_disabled"}),
    "top_up": (ProviderSpent, {"fal": "exhausted_balance"}),
    "locked": (ProviderServiceOff, {"fal": "account_suspended"}),
    "hard_limit": (ProviderSpent, {"openai": "billing_hard_limit_reached"}),
    "conflict": (ProviderUnreachable, {"fal": "http_409", "openai": "server_error"}),
    "timeout": (ProviderUnreachable, {"gemini": "DEADLINE_EXCEEDED", "openai": "server_error"}),
    "request_timeout": (ProviderUnreachable, {"gemini": "DEADLINE_EXCEEDED"}),
    "unavailable": (
        ProviderUnreachable,
        {
            "bfl": "http_503",
            "comfyui": "http_503",
            "fal": "http_503",
            "gemini": "UNAVAILABLE",
            "openai": "server_error",
            "turbotext": "http_503",
        },
    ),
    "server_error": (
        ProviderUnreachable,
        {
            "bfl": "http_500",
            "comfyui": "http_500",
            "fal": "http_500",
            "gemini": "INTERNAL",
            "openai": "server_error",
            "turbotext": "http_500",
        },
    ),
    "out_of_memory": (ProviderUnreachable, {"comfyui": "out_of_memory"}),
    "no_ram": (ProviderUnreachable, {"comfyui": "out_of_memory"}),
    "interrupted": (ProviderUnreachable, {"comfyui": "execution_interrupted"}),
    "restart": (ProviderUnreachable, {"comfyui": "run_lost"}),
    "run_failed": (ProviderUnreachable, {"bfl": "Failed", "fal": "internal_server_error"}),
    "run_error": (ProviderUnreachable, {"bfl": "Error"}),
    "run_unavailable": (ProviderUnreachable, {"bfl": "Error"}),
    "app_timeout": (ProviderUnreachable, {"fal": "request_timeout"}),
    "passed_on": (ProviderUnreachable, {"fal": "downstream_service_error"}),
    "other_form": (ProviderNoImage, {"fal": "no_image"}),
    "odd_form": (ProviderUnreachable, {"fal": "unexpected_json"}),
    "bad_gateway": (ProviderUnreachable, dict.fromkeys(EVERY, "http_502")),
    "html_page": (ProviderUnreachable, dict.fromkeys(EVERY, "html_page")),
    "truncated_json": (ProviderUnreachable, dict.fromkeys(EVERY, "broken_json")),
    "wrong_type": (ProviderUnreachable, dict.fromkeys(TYPED, "wrong_content_type")),
    "reset": (ProviderUnreachable, dict.fromkeys(EVERY, "connection_broken")),
    "cut_off": (ProviderUnreachable, dict.fromkeys(EVERY, "connection_broken")),
    "redirect": (ProviderUnreachable, dict.fromkeys(EVERY, "redirect")),
}
ROWS = [
    pytest.param(play, provider, kind, reason, id=f"{provider}-{play}")
    for play, (kind, reasons) in TABLE.items()
    for provider, reason in reasons.items()
]


@pytest.mark.parametrize(("play", "provider", "kind", "reason"), ROWS)
async def test_each_failure_has_its_class_and_reason_and_the_next_photo_goes_through(
    play, provider, kind, reason, tmp_path, caplog
):
    caplog.set_level(logging.DEBUG)
    script = Script([Step(play, retry_after=12)])
    async with bench(provider, tmp_path, script) as at:
        with pytest.raises(ProviderError) as failed:
            await at.edit()
        assert type(failed.value) is kind
        assert failed.value.reason == reason
        assert at.standin.pictures_asked() == 1
        said = "".join(traceback.format_exception(failed.value)) + repr(failed.value) + caplog.text
        nothing_is_told(said)
        at.standin.revoked.clear()
        assert (await at.edit()).width >= 300


def nothing_is_told(text: str) -> None:
    assert KEY not in text
    assert PROMPT not in text
    assert "pirate captain" not in text
    assert "JFIF" not in text
    assert base64.b64encode(picture_bytes())[:40].decode() not in text


@pytest.mark.parametrize("provider", ALL)
async def test_a_photo_comes_back_edited(provider, tmp_path):
    async with bench(provider, tmp_path) as at:
        edited = await at.edit()
    assert edited.media_type == "image/jpeg"
    assert edited.data != picture_bytes()
    assert edited.height > edited.width
    assert edited.response_id


@pytest.mark.parametrize("play", ["silent", "stall"])
@pytest.mark.parametrize("provider", EVERY)
async def test_a_provider_that_stalls_costs_no_more_than_the_deadline(provider, play, tmp_path):
    async with bench(provider, tmp_path, Script([Step(play)])) as at:
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            await at.edit(seconds=0.3)
        assert time.monotonic() - started < 1.0
        assert (await at.edit()).width


@pytest.mark.parametrize("provider", EVERY)
async def test_a_deadline_that_has_passed_asks_nobody(provider, tmp_path):
    async with bench(provider, tmp_path) as at:
        with pytest.raises(TimeoutError):
            await at.edit(seconds=0.0)
        assert at.standin.calls == []


@pytest.mark.parametrize("provider", ALL)
async def test_the_providers_wish_to_wait_is_passed_on(provider, tmp_path):
    async with bench(provider, tmp_path, Script([Step("quota", retry_after=7)])) as at:
        with pytest.raises(ProviderQuota) as failed:
            await at.edit()
    assert failed.value.retry_after == 7.0
    assert failed.value.http_status == 429


@pytest.mark.parametrize("provider", EVERY)
async def test_a_closed_port_is_unreachable(provider, tmp_path):
    async with bench(provider, tmp_path) as at:
        driver = at.driver
        driver._base_url = driver._api = "http://127.0.0.1:9"
        with pytest.raises(ProviderUnreachable) as failed:
            await at.edit()
    assert failed.value.reason == "connection_refused"


@pytest.mark.parametrize("key", [None, "", "two words", "line\nend", "ключ"])
@pytest.mark.parametrize("provider", ALL)
async def test_a_key_that_cannot_be_a_key_is_refused_before_anything_is_sent(provider, key, tmp_path):
    async with bench(provider, tmp_path) as at:
        with pytest.raises(ProviderBadKey) as failed:
            await at.edit(api_key=key)
        assert at.standin.calls == []
    assert not key or key not in str(failed.value)


@pytest.mark.parametrize("provider", ALL)
async def test_the_key_of_each_attempt_is_the_requests_own(provider, tmp_path):
    async with bench(provider, tmp_path, keys=["first-key", "second-key"]) as at:
        await asyncio.gather(at.edit(api_key="first-key"), at.edit(api_key="second-key"))
        assert {call.key for call in at.standin.calls if call.step} == {"first-key", "second-key"}


@pytest.mark.parametrize("provider", ALL)
async def test_a_probe_tells_a_good_key_from_a_refused_one_and_makes_no_picture(provider, tmp_path):
    async with bench(provider, tmp_path) as at:
        await at.driver.probe(KEY, Deadline.after(5))
        with pytest.raises(ProviderBadKey):
            await at.driver.probe("some-other-key", Deadline.after(5))
        assert at.standin.pictures_asked() == 0


@pytest.mark.parametrize("provider", ["gemini", "openai"])
async def test_a_probe_of_a_model_that_is_gone_says_so(provider, tmp_path):
    async with bench(provider, tmp_path) as at:
        await at.driver.probe(KEY, Deadline.after(5), at.driver.models[0])
        with pytest.raises(ProviderPermanent) as failed:
            await at.driver.probe(KEY, Deadline.after(5), "model-of-last-year")
    assert failed.value.http_status == 404


@pytest.mark.parametrize("provider", ["turbotext", "comfyui"])
async def test_a_model_where_there_are_none_is_not_asked(provider, tmp_path):
    async with bench(provider, tmp_path) as at:
        with pytest.raises(ProviderPermanent) as failed:
            await at.edit(model="model-of-last-year")
        assert at.standin.calls == []
    assert failed.value.reason == "refused_parameters"


@pytest.mark.parametrize("provider", ["gemini", "openai"])
async def test_a_model_that_we_do_not_know_is_asked_and_the_providers_own_word_counts(provider, tmp_path):
    async with bench(provider, tmp_path) as at:
        with pytest.raises(ProviderPermanent) as failed:
            await at.edit(model="model-of-last-year")
        assert len(at.standin.calls) == 1
        problems = at.driver.problems("image_edit", at.request.params, "model-of-last-year", frozenset())
    assert failed.value.http_status == 404
    assert at.driver.models[0] in problems["model"]


@pytest.mark.parametrize("provider", ALL)
async def test_a_driver_guesses_how_long_a_picture_takes(provider, tmp_path):
    async with bench(provider, tmp_path) as at:
        models = (*at.driver.models, None, "model-of-next-year")
        assert all(2 <= at.driver.typical_seconds("image_edit", model) <= 60 for model in models)


@pytest.mark.parametrize("spelling", ["urlsafe", "unpadded", "lines", "data_url"])
@pytest.mark.parametrize("provider", ["gemini", "openai"])
async def test_base64_is_read_however_a_proxy_spells_it(provider, spelling, tmp_path):
    async with bench(provider, tmp_path, Script([Step(spelling=spelling)])) as at:
        assert (await at.edit()).width >= 300


LASTING = [play for play, (kind, _) in TABLE.items() if kind.lasting]


def test_what_lasts_is_what_somebody_must_put_right():
    assert set(LASTING) == {
        "params_error", "bad_request", "huge", "endless", "key_revoked", "expired_key", "blocked_key",
        "referrer_blocked", "unauthenticated", "restricted", "location", "service_disabled", "billing",
        "free_tier", "suspended", "restricted_model", "unverified", "denied", "forbidden", "no_access",
        "empty_account", "hard_limit", "no_credits", "spend_limit", "usage_limit", "new_limit",
        "credits_depleted", "credits_depleted_before", "spending_cap", "no_free_tier", "top_up", "locked",
        "other_address",
    }  # fmt: skip
