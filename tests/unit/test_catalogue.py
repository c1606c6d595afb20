"""The catalogue of models: shipped facts, layers above them, and what a model is on a given day."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from appliance.providers.catalogue import Layer, shipped
from appliance.providers.catalogue.files import with_file

TODAY = date(2026, 11, 26)


def laid(tmp_path: Path, text: str) -> Path:
    """A file as an operator lays it beside the appliance."""
    path = tmp_path / "models.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("provider", shipped().providers)
def test_every_shipped_fact_has_a_source_and_a_day_on_which_it_was_looked_up(provider: str) -> None:
    for model in shipped().of(provider).offered:
        for fact in (model.life, model.capabilities, model.price, model.time):
            assert fact.source == "not known" or fact.checked is not None, (model.id, fact)


@pytest.mark.parametrize("provider", shipped().providers)
def test_every_provider_starts_with_a_model_that_stays(provider: str) -> None:
    default = shipped().of(provider).default
    assert default is not None
    assert default.state_on(TODAY) == "recommended"
    assert shipped().of(provider).offered[0] is default


def test_a_model_ends_when_its_last_day_has_passed_and_is_ending_for_thirty_days_before() -> None:
    model = shipped().get("openai", "gpt-image-1.5")
    assert model is not None
    days = [date(2026, 10, 31), date(2026, 11, 1), date(2026, 12, 1), date(2026, 12, 2)]
    assert [model.state_on(day) for day in days] == ["deprecated", "ending", "ending", "ended"]


def test_the_successor_is_one_that_stays() -> None:
    found = {
        model.id: shipped().of(provider).successor(model.id, TODAY)
        for provider in ("gemini", "openai")
        for model in shipped().of(provider).offered
        if model.state_on(TODAY) in ("deprecated", "ending", "ended")
    }
    assert len(found) == 7
    assert all(new and new.state_on(TODAY) in ("recommended", "current") for new in found.values())


def test_an_unknown_model_is_followed_by_the_default() -> None:
    found = shipped().of("gemini").successor("gemini-0", TODAY)
    assert found is not None
    assert found.id == "gemini-nano-banana-2.1"


def test_a_price_that_is_not_known_is_none_and_not_nothing() -> None:
    sized = shipped().get("gemini", "gemini-3-pro-image")
    flare = shipped().get("openai", "gpt-image-2.5-flare")
    assert sized is not None
    assert flare is not None
    assert sized.price.of_picture("4K") == Decimal("0.24")
    assert sized.price.of_picture("512") is None
    assert flare.price.of_picture("1024x1536", "xhigh") == Decimal("0.074")
    assert flare.price.of_tokens(image_out=1000, text_in=200) == Decimal("0.031")
    assert flare.price.of_tokens(image_out=1000, text_out=1) is None


def test_a_new_model_is_a_few_lines(tmp_path: Path) -> None:
    text = """
[gemini]
default = "gemini-nano-banana-3"
hidden = ["gemini-2.5-flash-image"]

[gemini.models."gemini-nano-banana-3"]
like = "gemini-nano-banana-2.1"
price.picture = { "1K" = 0.03 }
"""
    catalogue = with_file(shipped(), laid(tmp_path, text))
    assert catalogue.problems == ()
    model, before = catalogue.of("gemini").default, catalogue.get("gemini", "gemini-nano-banana-2.1")
    assert model is not None
    assert before is not None
    assert model.id == "gemini-nano-banana-3"
    assert model.capabilities.ratios == before.capabilities.ratios
    assert (model.price.of_picture("1K"), model.price.source) == (Decimal("0.03"), "models.toml")
    assert "gemini-2.5-flash-image" not in catalogue.of("gemini").names_on(TODAY)
    assert catalogue.get("gemini", "gemini-2.5-flash-image") is not None


def test_a_layer_replaces_single_facts_and_leaves_the_others() -> None:
    changes = {"openai": {"models": {"gpt-image-2": {"life": {"ends_on": date(2027, 1, 31)}}}}}
    catalogue = shipped().with_layer(Layer("settings", changes))
    model, before = catalogue.get("openai", "gpt-image-2"), shipped().get("openai", "gpt-image-2")
    assert model is not None
    assert before is not None
    assert (model.life.ends_on, model.life.since) == (date(2027, 1, 31), date(2026, 4, 21))
    assert (model.life.source, model.layer) == ("settings", "settings")
    assert model.capabilities == before.capabilities


def test_what_is_wrong_in_a_file_is_left_out_and_told_all_together(tmp_path: Path) -> None:
    text = """
[gemini]
default = "gemini-7"
hidden = ["gemini-8"]
fast = true

[gemini.models."gemini-nano-banana-2.1"]
capabilities.pictures_in = 0

[gemini.models."gemini-9"]
like = "gemini-6"

[gemini.models."gemini-10"]
label = "Ten"

[midjourney]
default = "v9"
"""
    catalogue = with_file(shipped(), laid(tmp_path, text))
    assert [str(problem) for problem in catalogue.problems] == [
        "models.toml: gemini.fast: is not known here; there are default, hidden, models",
        'models.toml: gemini."gemini-nano-banana-2.1".capabilities.pictures_in: must be 1 or more',
        "models.toml: gemini.\"gemini-9\".like: there is no model 'gemini-6'",
        "models.toml: gemini.hidden: there is no model 'gemini-8'",
        "models.toml: gemini.default: there is no model 'gemini-7'",
        "models.toml: midjourney: is none of the providers bfl, fal, gemini, openai",
    ]
    assert catalogue.get("gemini", "gemini-10") is not None
    assert catalogue.of("gemini").default == shipped().of("gemini").default


def test_a_file_that_cannot_be_read_changes_nothing_and_is_told(tmp_path: Path) -> None:
    catalogue = with_file(shipped(), laid(tmp_path, "[gemini"))
    assert len(catalogue.problems) == 1
    assert str(catalogue.problems[0]).startswith("models.toml: ")
    assert catalogue.of("gemini").offered == shipped().of("gemini").offered


def test_a_file_that_is_not_there_is_no_problem(tmp_path: Path) -> None:
    assert with_file(shipped(), tmp_path / "models.toml") is shipped()
