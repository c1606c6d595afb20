"""Errors in other forms than usual are still understood: one odd part does not hide the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.providers.base import (
    ProviderBadKey,
    ProviderError,
    ProviderNoModel,
    ProviderQuota,
    ProviderRefused,
    ProviderServiceOff,
    ProviderSpent,
    ProviderUnreachable,
    ProviderWrongPlace,
)
from appliance.providers.bfl.wire import TaskState
from appliance.providers.http import Answer
from appliance.providers.turbotext.wire import Reply
from tests.providers.remote import bench
from tests.providers.routes import engine
from tests.standins import Script, Step

Form = Callable[[Any], Any]


def in_a_list(said: Any) -> Any:
    return [said]


def changed(**parts: Any) -> Form:
    """With other parts of what an error says of itself."""
    return lambda said: {"error": said["error"] | parts}


def with_details(*odd: Any) -> Form:
    """With odd details before the usual ones."""
    return lambda said: {"error": said["error"] | {"details": [*odd, *said["error"].get("details", [])]}}


async def error_of(provider: str, play: str, errors: Form, folder: Path) -> ProviderError:
    """What a photo fails with."""
    async with bench(provider, folder, Script([Step(play, retry_after=7)]), errors=errors) as at:
        with pytest.raises(ProviderError) as failed:
            await at.edit()
    return failed.value


@pytest.mark.parametrize(
    ("play", "kind", "reason", "wait"),
    [
        ("key_revoked", ProviderBadKey, "API_KEY_INVALID", None),
        ("quota", ProviderQuota, "RESOURCE_EXHAUSTED", 7.0),
        ("billing", ProviderServiceOff, "billing_disabled", None),
        ("location", ProviderWrongPlace, "location_unsupported", None),
        ("unavailable", ProviderUnreachable, "UNAVAILABLE", None),
    ],
)
async def test_geminis_error_in_a_list_of_one_is_the_same_error(
    play: str, kind: type[ProviderError], reason: str, wait: float | None, tmp_path: Path
) -> None:
    error = await error_of("gemini", play, in_a_list, tmp_path)
    assert (type(error), error.reason, error.retry_after) == (kind, reason, wait)


async def test_a_model_that_gemini_ended_is_told_from_a_list_of_one(tmp_path: Path) -> None:
    async with bench("gemini", tmp_path, errors=in_a_list) as at:
        with pytest.raises(ProviderNoModel):
            await at.edit(model="model-of-last-year")


async def test_the_next_key_delivers_where_the_first_ones_error_is_a_list(tmp_path: Path) -> None:
    async with engine(tmp_path, Script(["key_revoked"]), ("key-0001", "key-0002"), errors=in_a_list) as at:
        assert await at.photo(at.route()) == ["API_KEY_INVALID", "delivered"]
        assert at.keys_at_rest() == ["API_KEY_INVALID"]


@pytest.mark.parametrize(
    "errors",
    [
        with_details("a text"),
        with_details(None, 5, []),
        with_details({"reason": 5}),
        with_details({"reason": None, "retryDelay": {"seconds": 7}}),
        changed(message=None),
    ],
    ids=["text", "nulls", "number", "object", "no message"],
)
@pytest.mark.parametrize(
    ("play", "reason", "wait"),
    [("key_revoked", "API_KEY_INVALID", None), ("quota", "RESOURCE_EXHAUSTED", 7.0)],
)
async def test_an_odd_detail_does_not_hide_what_gemini_says(
    errors: Form, play: str, reason: str, wait: float | None, tmp_path: Path
) -> None:
    error = await error_of("gemini", play, errors, tmp_path)
    assert (error.reason, error.retry_after) == (reason, wait)


@pytest.mark.parametrize("details", [None, "a text", {"reason": "SERVICE_DISABLED"}])
async def test_details_that_are_no_list_do_not_hide_what_gemini_says(details: Any, tmp_path: Path) -> None:
    error = await error_of("gemini", "service_disabled", changed(details=details), tmp_path)
    assert (type(error), error.reason) == (ProviderServiceOff, "service_disabled")


@pytest.mark.parametrize("parts", [{"message": None}, {"message": ["a"]}, {"type": 5}])
async def test_an_odd_part_does_not_hide_what_openai_says(parts: dict[str, Any], tmp_path: Path) -> None:
    error = await error_of("openai", "empty_account", changed(**parts), tmp_path)
    assert (type(error), error.reason) == (ProviderSpent, "insufficient_quota")


@pytest.mark.parametrize("odd", [{"msg": None}, {"loc": "body"}, {"loc": None, "msg": 5}])
async def test_an_odd_part_does_not_hide_that_fal_refused(odd: dict[str, Any], tmp_path: Path) -> None:
    error = await error_of("fal", "refused", lambda said: {"detail": [said["detail"][0] | odd]}, tmp_path)
    assert (type(error), error.reason) == (ProviderRefused, "content_policy_violation")


@pytest.mark.parametrize("provider", ["bfl", "fal"])
@pytest.mark.parametrize("detail", [{"msg": "Forbidden"}, ["Forbidden"]])
async def test_a_refused_account_is_told_however_the_detail_is_written(
    provider: str, detail: Any, tmp_path: Path
) -> None:
    error = await error_of(provider, "forbidden", lambda _: {"detail": detail}, tmp_path)
    assert error.reason == "forbidden"


@pytest.mark.parametrize("result", [[], "none", {"sample": None}])
def test_a_picture_that_bfl_moderated_is_refused_whatever_stands_in_its_place(result: Any) -> None:
    with pytest.raises(ProviderRefused, match="Content_Moderated"):
        TaskState.model_validate({"status": "Content Moderated", "result": result}).address("task-1")


@pytest.mark.parametrize("odd", [{"success": ""}, {"success": []}, {"action": False}])
def test_an_odd_part_does_not_hide_turbotexts_limit(odd: dict[str, Any]) -> None:
    error = Reply.model_validate({"error": "LIMIT", **odd}).failure(Answer(200, httpx.Headers(), b""))
    assert isinstance(error, ProviderQuota)
