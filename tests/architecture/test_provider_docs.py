"""The operator's page on providers names the catalogue's models, with its prices and times."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

import pytest

from appliance.providers.catalogue import shipped
from tests.support.stack import CHECKOUT

PAGES = ("docs/operator/providers.md", "docs/operator/providers.ru.md")
NEW_WORK = {"recommended", "current"}
OTHERS = {"comfyui", "turbotext", "local"}  # without models to choose from
DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)|(\d\d)\.(\d\d)\.(\d{4})")
MODEL = re.compile(r"`((?:gemini|gpt|chatgpt|flux)-[^`]+|[\w-]+/[^`/]+/[^`]+|fal-ai/[^`]+)`")


def sections(page: str) -> dict[str, str]:
    """The page's sections by the provider's name in their headings."""
    parts = re.split(r"^## .*\(`(\w+)`\)$", (CHECKOUT / page).read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(section: str) -> dict[str, list[str]]:
    """A section's table by model: what for, the price, the seconds."""
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return {cells[0].strip("`"): cells[1:] for cells in lines}


def day_of(page: str) -> date:
    """The day that the page says it is of: the first one that stands there."""
    found = DATE.search((CHECKOUT / page).read_text())
    assert found is not None
    year, month, day, other_day, other_month, other_year = found.groups()
    return date(int(year or other_year), int(month or other_month), int(day or other_day))


def numbers(cell: str) -> set[Decimal]:
    return {Decimal(found.replace(",", ".")) for found in re.findall(r"\d+[.,]\d+", cell)}


@pytest.mark.parametrize("page", PAGES)
def test_every_provider_with_models_has_its_section(page: str) -> None:
    assert set(sections(page)) >= {*shipped().providers, *OTHERS}


@pytest.mark.parametrize("page", PAGES)
def test_the_tables_name_every_model_for_new_work_and_no_other(page: str) -> None:
    found = sections(page)
    for provider in shipped().providers:
        offered = {one.id for one in shipped().of(provider).offered if one.life.state in NEW_WORK}
        assert set(rows(found[provider])) == offered, provider


@pytest.mark.parametrize("page", PAGES)
def test_no_model_of_the_tables_had_ended_or_was_ending_when_the_page_was_written(page: str) -> None:
    states = {
        model.state_on(day_of(page))
        for provider, section in sections(page).items()
        for model in map(shipped().of(provider).get, rows(section))
        if model is not None
    }
    assert states == NEW_WORK


@pytest.mark.parametrize("page", PAGES)
def test_every_model_that_is_named_anywhere_on_the_page_is_in_the_catalogue(page: str) -> None:
    for provider, section in sections(page).items():
        known = {model.id for model in shipped().of(provider).offered}
        assert {name for name in MODEL.findall(section) if name not in known} == set(), provider


@pytest.mark.parametrize("page", PAGES)
def test_prices_and_times_of_the_tables_are_the_catalogues(page: str) -> None:
    for provider, section in sections(page).items():
        for name, (_, price, seconds) in rows(section).items():
            model = shipped().of(provider).by_id[name]
            assert numbers(price) == set(model.price.picture.values()), name
            assert float(seconds) == model.time.seconds, name


@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_not_older_than_the_catalogue(page: str) -> None:
    checked = [
        fact.checked
        for provider in shipped().providers
        for model in shipped().of(provider).offered
        for fact in (model.life, model.capabilities, model.price, model.time)
        if fact.checked is not None
    ]
    assert day_of(page) >= max(checked)
