"""What attempts cost: told by the provider or priced by the catalogue, and unknown where neither knows."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest

from appliance.providers.attempts import Attempt, Outcome
from appliance.providers.base import ProviderError, ProviderRefused
from appliance.providers.catalogue import Price, shipped
from appliance.providers.usage import Money, Usage, cost_of
from appliance.staff.jobs.schemas import AttemptView
from appliance.staff.jobs.service import cost_of as cost_of_job
from tests.providers.remote import bench
from tests.providers.routes import engine
from tests.standins import Script

MODEL = "gemini-nano-banana-2.1"


async def test_a_picture_of_gemini_costs_what_the_catalogue_says_of_its_size(tmp_path: Path) -> None:
    async with engine(tmp_path, Script()) as at:
        [usual] = await at.attempts(at.route(MODEL))
        [large] = await at.attempts(at.route(MODEL, image_size="2K"))
    assert (usual.billed, usual.price, usual.currency) == (True, "0.0336", "USD")
    assert large.price == "0.0504"
    assert usual.tokens is not None
    assert usual.tokens["image_out"] == 1120


async def test_an_answer_without_a_picture_is_billed_at_a_price_that_is_not_known(tmp_path: Path) -> None:
    async with engine(tmp_path, Script(["no_image"])) as at:
        first, second = await at.attempts(at.route(MODEL), seconds=40)
    assert (first.outcome, first.billed, first.price) == ("failed", True, None)
    assert first.tokens is not None
    assert first.tokens["input"] > 0
    assert second.price == "0.0336"
    views = [AttemptView.model_validate(one.stored()) for one in (first, second)]
    cost = cost_of_job(views)
    assert [(one.amount, one.currency) for one in cost.known] == [(Decimal("0.0336"), "USD")]
    assert cost.unknown == 1


@pytest.mark.parametrize("step", ["unavailable", "quota", "key_revoked"])
async def test_what_the_provider_did_not_take_on_is_not_billed(tmp_path: Path, step: str) -> None:
    async with engine(tmp_path, Script([step]), keys=("key-0001", "key-0002")) as at:
        first = (await at.attempts(at.route(MODEL)))[0]
    assert (first.billed, first.price) == (False, None)


async def test_openai_counts_its_tokens_and_they_are_priced(tmp_path: Path) -> None:
    told: list[Usage] = []
    async with bench("openai", tmp_path) as at:
        await at.edit(on_usage=told.append)
    [usage] = told
    assert usage.tokens["image_out"] == 1367
    price = shipped().of("openai").default
    assert price is not None
    expected = sum(
        (Decimal(usage.tokens[kind]) * each / 1_000_000)
        for kind, each in (("image_out", 30), ("image_in", 8), ("text_in", 5))
    )
    assert cost_of(usage, price.price, picture=True) == Money(expected)


async def test_black_forest_labs_tells_the_price_itself(tmp_path: Path) -> None:
    told: list[Usage] = []
    async with bench("bfl", tmp_path) as at:
        await at.edit(on_usage=told.append)
    [usage] = told
    assert usage.cost is not None
    assert usage.cost.amount > 0
    assert cost_of(usage, None, picture=True) == usage.cost


async def test_a_task_of_black_forest_labs_that_comes_too_late_is_on_the_bill(tmp_path: Path) -> None:
    told: list[Usage] = []
    async with bench("bfl", tmp_path) as at:
        at.standin.waiting = 1000
        with pytest.raises(TimeoutError):
            await at.edit(seconds=1.0, on_usage=told.append)
    assert [usage.cost for usage in told] == [Money(Decimal("0.045"))], "it cannot be called off"


@pytest.mark.parametrize("step", ["refused", "output_refused"])
async def test_what_black_forest_labs_moderates_is_free(tmp_path: Path, step: str) -> None:
    told: list[Usage] = []
    async with bench("bfl", tmp_path, Script([step])) as at:
        with pytest.raises(ProviderRefused) as refused:
            await at.edit(on_usage=told.append)
    attempt = Attempt("bfl", "image_edit", None, "0001", 0)
    attempt.failed_as(refused.value)
    attempt.charged(told[-1] if told else None, None, free=False)
    assert (attempt.billed, attempt.price) == (False, None)
    assert cost_of_job([AttemptView.model_validate(attempt.stored())]).unknown == 0


@pytest.mark.parametrize("step", ["ok", "server_error", "params_error", "quota"])
async def test_every_call_of_turbotext_is_billed_at_a_price_that_is_not_known(
    tmp_path: Path, step: str
) -> None:
    told: list[Usage] = []
    async with bench("turbotext", tmp_path, Script([step])) as at:
        with suppress(ProviderError):
            await at.edit(on_usage=told.append)
    attempt = Attempt("turbotext", "image_edit", None, "0001", 0, outcome=Outcome.FAILED, http_status=500)
    attempt.charged(told[-1], None, free=False)
    assert (attempt.billed, attempt.price) == (True, None)


async def test_turbotext_that_was_never_reached_is_not_billed(tmp_path: Path) -> None:
    told: list[Usage] = []
    async with bench("turbotext", tmp_path) as at:
        at.driver._base_url = "http://127.0.0.1:9"
        with pytest.raises(ProviderError) as raised:
            await at.edit(on_usage=told.append)
    assert (told, raised.value.reason) == ([], "connection_refused")


def test_an_answer_without_a_picture_is_priced_where_the_catalogue_prices_tokens() -> None:
    used = Usage({"input": 1000, "text_out": 500})
    alike = Price(
        source="a test",
        million_tokens={"image_in": Decimal(2), "text_in": Decimal(2), "text_out": Decimal(12)},
    )
    assert cost_of(used, alike, picture=False) == Money(Decimal("0.008"))
    differing = alike.model_copy(update={"million_tokens": {**alike.million_tokens, "image_in": Decimal(8)}})
    assert cost_of(used, differing, picture=False) is None


def test_tokens_of_a_kind_without_a_price_are_not_guessed() -> None:
    model = shipped().get("openai", "gpt-image-2")
    assert model is not None
    assert cost_of(Usage({"text_out": 10}), model.price, picture=False) is None
    assert cost_of(Usage(), model.price, picture=True) is None, "the price goes by size and quality"
    assert cost_of(Usage(), None, picture=True) is None
