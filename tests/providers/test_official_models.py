"""The catalogue's models against those that the providers' own, newest clients know.

``scripts/lock --upgrade`` brings newer clients; then these tests tell what is new, and what has gone.
"""

from __future__ import annotations

import inspect
import re
from datetime import date, timedelta
from functools import cache
from typing import get_args

import pytest
from google.genai.interactions import Model as GeminiModel
from openai.types import image_model

from appliance.core.clock import utcnow
from appliance.providers.catalogue import shipped
from tests.standins import lives

PROVIDERS = ("gemini", "openai")
LONGEST_EXCEPTION = timedelta(days=120)  # then the client has been released often enough to know better

# (provider, model of ours that the client does not know): since when, and why it is right nevertheless
UNKNOWN_TO_THE_CLIENT: dict[tuple[str, str], tuple[date, str]] = {}
# (provider, image model of the client that the catalogue leaves out): why
LEFT_OUT = {
    ("gemini", "nano-banana-pro-preview"): "another name of a preview that ended on 2026-06-25",
    ("openai", "gpt-image-2-2026-04-21"): "a dated name of gpt-image-2",
    ("openai", "gpt-image-2.5-flare-2026-09-08"): "a dated name of gpt-image-2.5-flare",
    ("openai", "gpt-image-2.5-sunburst-2026-09-08"): "a dated name of gpt-image-2.5-sunburst",
    ("openai", "gpt-image-1"): "ended on 2026-10-23",
    ("openai", "dall-e-2"): "ended on 2026-05-12",
    ("openai", "dall-e-3"): "ended on 2026-05-12",
}


@cache
def clients_models(provider: str) -> frozenset[str]:
    """The image models that the official client names."""
    if provider == "openai":
        return frozenset(get_args(image_model.ImageModel))
    names, _ = get_args(GeminiModel)
    return frozenset(name for name in get_args(names) if "image" in name or "banana" in name)


def ours(provider: str, *states: str) -> set[str]:
    today = utcnow().date()
    return {model.id for model in shipped().of(provider).offered if model.state_on(today) in states}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_model_that_we_call_current_is_known_to_the_providers_newest_client(provider):
    claimed = ours(provider, "recommended", "current")
    assert claimed
    excepted = {model for of, model in UNKNOWN_TO_THE_CLIENT if of == provider}
    assert claimed - clients_models(provider) == excepted, "and no exception has become needless"


def test_an_exception_is_explained_and_does_not_last():
    for since, why in UNKNOWN_TO_THE_CLIENT.values():
        assert why
        assert timedelta() <= utcnow().date() - since < LONGEST_EXCEPTION


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_image_model_that_the_client_knows_is_in_the_catalogue_or_left_out_for_a_reason(provider):
    left_out = {model for of, model in LEFT_OUT if of == provider}
    known = {model.id for model in shipped().of(provider).offered}
    assert clients_models(provider) - known == left_out


def test_no_model_that_openais_client_calls_deprecated_is_offered_as_current():
    notes = inspect.getsource(image_model).partition("Deprecated values:")[2]
    deprecated = set(re.findall(r'"([\w.-]+)"', notes))
    assert "gpt-image-1" in deprecated
    assert not deprecated & ours("openai", "recommended", "current")


@pytest.mark.parametrize(("provider", "known"), [("gemini", lives.GEMINI), ("openai", lives.OPENAI)])
def test_the_standins_models_are_those_of_the_client_and_those_that_have_ended(provider, known):
    alive = {name for name, life in known.items() if not life.ended}
    assert alive <= clients_models(provider)
    assert clients_models(provider) - set(known) <= {"nano-banana-pro-preview"}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_the_catalogue_calls_current_lives_at_the_standin(provider):
    known = {"gemini": lives.GEMINI, "openai": lives.OPENAI}[provider]
    for model in ours(provider, "recommended", "current"):
        assert known[model].stage == "STABLE", model
