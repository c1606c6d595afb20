"""Models end at the stand-ins as at the services: announced first, then unknown, also in mid-event."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.core.clock import Deadline
from appliance.providers.base import ProviderNoModel
from tests.providers.remote import KEY, bench

ALL = ("gemini", "openai")
HEADERS = {"x-goog-api-key": KEY, "Authorization": f"Bearer {KEY}"}


async def fetched(at: Any, path: str) -> Any:
    async with httpx.AsyncClient(trust_env=False, headers=HEADERS) as client:
        return (await client.get(f"{at.base_url}{path}")).json()


@pytest.mark.parametrize("provider", ALL)
async def test_a_model_that_ends_in_mid_event_is_unknown_from_then_on(provider: str, tmp_path: Path) -> None:
    async with bench(provider, tmp_path) as at:
        model = at.driver.models[0]
        assert (await at.edit(model=model)).width
        at.standin.retire(model)
        with pytest.raises(ProviderNoModel) as failed:
            await at.edit(model=model)
        assert failed.value.lasting
        assert (failed.value.http_status, failed.value.reason) == (404, "model_not_found")
        with pytest.raises(ProviderNoModel):
            await at.driver.probe(KEY, Deadline.after(5), model)
        listed = await fetched(at, {"gemini": "/v1beta/models", "openai": "/v1/models"}[provider])
    assert model not in str(listed)


async def test_gemini_says_with_every_answer_until_when_its_model_lives(tmp_path: Path) -> None:
    async with bench("gemini", tmp_path) as at:
        model = at.driver.models[0]
        at.standin.announce(model, date(2027, 3, 15))
        await at.edit(model=model)
        [call] = at.standin.calls
        async with httpx.AsyncClient(trust_env=False, headers=HEADERS) as client:
            answer = (await client.post(at.base_url + call.path, json=call.json)).json()
    assert answer["modelStatus"]["modelStage"] == "DEPRECATED"
    assert answer["modelStatus"]["retirementTime"] == "2027-03-15T00:00:00Z"
    assert answer["usageMetadata"]["totalTokenCount"] > answer["usageMetadata"]["candidatesTokenCount"] > 0


async def test_openai_says_when_a_model_will_be_shut_down(tmp_path: Path) -> None:
    async with bench("openai", tmp_path) as at:
        model = at.driver.models[0]
        at.standin.announce(model, date(2027, 12, 1))
        assert (await fetched(at, f"/v1/models/{model}"))["shutdown_date"] == "2027-12-01"
        at.standin.announce(model, None)
        assert (await fetched(at, f"/v1/models/{model}"))["shutdown_date"] is None


async def test_a_model_that_is_closed_to_new_accounts_is_unknown_to_them(tmp_path: Path) -> None:
    async with bench("gemini", tmp_path, new_account=True) as at:
        with pytest.raises(ProviderNoModel):
            await at.driver.probe(KEY, Deadline.after(5), "gemini-2.5-flash-image")
