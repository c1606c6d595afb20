"""The ready-made looks: what each must have, and what a tap does to a slot's form."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from appliance.admin.slots.draft import Draft, RouteDraft
from appliance.admin.slots.looks import OPERATION, looks_shown, with_look
from appliance.providers.registry import ProviderRegistry
from appliance.settings.operator import OperatorSettings
from appliance.slots.prompts import PromptOptions, problems
from appliance.staff.looks.service import ready_made
from appliance.staff.providers.catalogue import OperationView, ProviderList, ProviderView

LOOKS = ready_made().looks
PROMPTS = {f"{look.id} {lang}": look.prompt.in_language(lang) for look in LOOKS for lang in ("en", "ru")}


@pytest.fixture
async def registry() -> AsyncIterator[ProviderRegistry]:
    made = ProviderRegistry(OperatorSettings(), {})
    yield made
    await made.aclose()


def catalogue(registry: ProviderRegistry, *configured: str) -> ProviderList:
    """All providers as the editor knows them; ``configured`` ones have a key."""
    return ProviderList(
        providers=[
            ProviderView(
                name=name, configured=name in configured, needs_key=True, keys=[], circuits=[],
                operations=[
                    OperationView(
                        name=operation, title=facts.title, params_schema=facts.params.model_json_schema(),
                        template_roles=facts.template_roles, typical_seconds=1, models=[],
                    )
                    for operation, facts in registry.driver(name).operations.items()
                ],
            )
            for name in registry.names
        ],
        prompt_schema={}, output_schema={}, slot_roles=[],
    )  # fmt: skip


def draft(*routes: RouteDraft) -> Draft:
    return Draft(0, {}, {}, routes, {}, {}, (), {})


def test_there_are_looks_enough_for_one_person_and_for_groups() -> None:
    assert len(LOOKS) >= 12
    assert len({look.id for look in LOOKS}) == len(LOOKS)
    for suits in ("portrait", "group"):
        assert sum(suits in look.suits for look in LOOKS) >= 12


def test_every_category_has_looks_and_every_look_a_category() -> None:
    assert {look.category for look in LOOKS} == set(ready_made().categories)


def test_every_prompt_keeps_the_faces_and_the_number_of_people() -> None:
    keeps = {
        "en": ("same number of people", "recognise every face"),
        "ru": ("столько же человек", "узнать каждого"),
    }
    for look in LOOKS:
        for lang, words in keeps.items():
            assert all(word in look.prompt.in_language(lang) for word in words), look.id


def test_russian_prompts_are_russian_and_english_ones_english() -> None:
    for name, text in PROMPTS.items():
        cyrillic = len(re.findall("[а-яё]", text.lower()))
        assert (cyrillic > len(text) / 2) == name.endswith("ru"), name


async def test_every_provider_with_an_image_edit_takes_every_prompt(registry: ProviderRegistry) -> None:
    takers = [name for name in registry.names if OPERATION in registry.driver(name).operations]
    assert {"gemini", "openai", "turbotext"} <= set(takers)
    for provider in takers:
        for name, prompt in PROMPTS.items():
            params = registry.parse(provider, OPERATION, {"prompt": prompt})
            assert problems(params, PromptOptions()) == {}, f"{provider} {name}"


async def test_a_tap_fills_the_prompt_and_leaves_what_else_was_chosen(registry: ProviderRegistry) -> None:
    first = RouteDraft("openai", OPERATION, "some-model", {"prompt": "my own", "quality": "low"})
    before = draft(first, RouteDraft("local", "sketch"))
    after = with_look(before, "clay", catalogue(registry, "openai"), "ru")
    assert after.routes == (
        replace(first, params={"prompt": PROMPTS["clay ru"], "quality": "low"}),
        RouteDraft("local", "sketch"),
    )


async def test_a_tap_moves_a_slot_of_this_machine_to_the_provider_that_has_a_key(
    registry: ProviderRegistry,
) -> None:
    local = RouteDraft("local", "comic", params={"levels": "6"})
    after = with_look(draft(local), "disco", catalogue(registry, "local", "turbotext"), "en")
    first, second = after.routes
    assert (first.provider, first.operation, first.model) == ("turbotext", OPERATION, "")
    assert first.params == {"prompt": PROMPTS["disco en"], "original_language": "en"}
    assert second == local, "what the slot drew is its fallback now"


async def test_the_look_that_a_slot_has_is_marked_however_it_is_wrapped(registry: ProviderRegistry) -> None:
    wrapped = PROMPTS["ink en"].replace("\n", "\r\n") + " "
    shown = looks_shown(
        draft(RouteDraft("gemini", OPERATION, params={"prompt": wrapped})), catalogue(registry), "ru"
    )
    assert shown is not None
    assert [look.id for look in shown.looks if look.chosen] == ["ink"]
    assert shown.moves_to is None


async def test_an_unknown_look_changes_nothing(registry: ProviderRegistry) -> None:
    before = draft(RouteDraft("gemini", OPERATION, params={"prompt": "mine"}))
    assert with_look(before, "nothing-such", catalogue(registry), "en") == before
