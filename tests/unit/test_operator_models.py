"""What the operator says of models on the settings page: in force at once, and refused where wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from appliance.core.errors import ValidationFailed
from appliance.core.language import language
from appliance.providers.registry import ProviderRegistry
from appliance.settings.operator import OperatorSettings

ADDED = """
[gemini.models."gemini-nano-banana-3"]
like = "gemini-nano-banana-2.1"
"""


@pytest.fixture
async def registry() -> AsyncIterator[ProviderRegistry]:
    made = ProviderRegistry(OperatorSettings())
    yield made
    await made.aclose()


async def test_an_added_model_may_be_chosen_at_once(registry: ProviderRegistry) -> None:
    registry.configure(
        OperatorSettings(
            added_models=ADDED,
            default_models={"gemini": "gemini-nano-banana-3"},
            hidden_models={"gemini": ["gemini-3-pro-image"]},
        )
    )
    models = registry.driver("gemini").models
    assert models[0] == "gemini-nano-banana-3"
    assert "gemini-3-pro-image" not in models
    assert registry.model("gemini", "image_edit", None) == "gemini-nano-banana-3"
    registry.configure(OperatorSettings())
    assert registry.driver("gemini").models[0] == "gemini-nano-banana-2.1"


async def test_a_driver_is_built_again_only_when_something_of_its_own_changed(
    registry: ProviderRegistry,
) -> None:
    gemini, openai = registry.driver("gemini"), registry.driver("openai")
    registry.configure(OperatorSettings(event_title="Anna und Paul"))
    assert registry.driver("gemini") is gemini
    registry.configure(OperatorSettings(added_models=ADDED))
    assert registry.driver("gemini") is not gemini
    assert registry.driver("openai") is openai


@pytest.mark.parametrize(
    ("settings", "field", "said"),
    [
        ({"added_models": "\n[gemini"}, "added_models", "line 2 is not TOML: "),
        (
            {"added_models": ADDED + "capabilities.pictures_in = 0"},
            "added_models",
            'line 4, gemini."gemini-nano-banana-3".capabilities.pictures_in: must be 1 or more',
        ),
        ({"default_models": {"openai": "gpt-0"}}, "default_models.openai", "gpt-0"),
        ({"hidden_models": {"gemini": ["gemini-0"]}}, "hidden_models.gemini", "gemini-0"),
        (
            {"hidden_models": {"gemini": ["gemini-nano-banana-2.1"]}},
            "hidden_models.gemini",
            "gemini-nano-banana-2.1",
        ),
        ({"providers": {"gemini": {"models": {"x": {"hue": 1}}}}}, "providers.gemini.models.x.hue", "known"),
    ],
)
async def test_what_is_wrong_is_refused_by_the_page_and_left_out_by_the_line(
    registry: ProviderRegistry, settings: dict[str, object], field: str, said: str
) -> None:
    wrong = OperatorSettings.model_validate(settings)
    with pytest.raises(ValidationFailed) as refused:
        registry.check(wrong)
    assert list(refused.value.fields or {}) == [field]
    assert said in (refused.value.fields or {})[field]
    registry.configure(wrong)
    assert registry.driver("gemini").models[0] == "gemini-nano-banana-2.1"


async def test_models_that_were_added_the_old_way_are_still_known(registry: ProviderRegistry) -> None:
    facts = {"aspect_ratios": ["1:1"], "image_sizes": ["1K"], "max_images": 3, "typical_seconds": 7.0}
    registry.configure(OperatorSettings.model_validate({"providers": {"gemini": {"models": {"old": facts}}}}))
    model = registry.catalogue.get("gemini", "old")
    assert model is not None
    assert (model.capabilities.ratios, model.capabilities.pictures_in, model.time.seconds) == (("1:1",), 3, 7)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('\n[midjourney.models."x"]\n', "line 2, midjourney: is none of the providers "),
        ('[gemini]\n\ndefault = "x"\n', "line 3, gemini.default: there is no model 'x'"),
        ("[gemini]\nhue = 1\n", "line 2, gemini.hue: is not known here; there are default, hidden, models"),
        (ADDED + 'like2 = "y"\n', "line 4, "),
        ('[gemini.models."x"]\nlike = "y"\n', "line 2, gemini.\"x\".like: there is no model 'y'"),
        ("[gemini.models]\nx = 1\n", 'line 2, gemini."x": must be a table'),
        (ADDED + "price.picture = [\n1,\n]\n", "line 6, "),
        ("[gemini]\na = 1\nb = 2\n", "; line "),
    ],
)
async def test_what_is_wrong_is_named_by_line_and_field(
    registry: ProviderRegistry, text: str, said: str
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        registry.check(OperatorSettings(added_models=text))
    assert said in (refused.value.fields or {})["added_models"]


@pytest.mark.parametrize("lang", ["en", "ru"])
async def test_the_example_beside_the_field_is_accepted_as_it_stands(
    registry: ProviderRegistry, lang: str
) -> None:
    example = language("staff", lang).gettext("settings.added_models.example")
    registry.check(OperatorSettings(added_models=example))


async def test_a_wrong_line_is_told_in_russian_too(registry: ProviderRegistry) -> None:
    with pytest.raises(ValidationFailed) as refused:
        registry.check(OperatorSettings(added_models="[gemini]\nhidden = 1\n"))
    told = language("staff", "ru").message((refused.value.fields or {})["added_models"])
    assert told == "Строка 2, gemini.hidden: Здесь должен быть список имён моделей."
