"""Prompts are templates over what the camera sent, and nothing else."""

from __future__ import annotations

import pytest

from appliance.providers.gemini.settings import ImageEditParams
from appliance.slots.prompts import PromptOptions, clean_value, fill, prepared, problems

OPTIONS = PromptOptions(fields=["survey1", "qr1"], max_chars=10)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{survey1} rides", "Anna rides"),
        ("{survey1|somebody} rides", "Anna rides"),
        ("{qr1|somebody} rides", "somebody rides"),
        ("{qr1} rides", " rides"),
        ("no places", "no places"),
    ],
)
def test_places_take_the_cameras_values_or_what_stands_behind_the_bar(text: str, filled: str) -> None:
    assert fill(text, {"survey1": "Anna", "other": "x"}, OPTIONS) == filled


def test_a_guest_cannot_write_places_into_a_prompt() -> None:
    assert fill("{survey1}", {"survey1": "{qr1}", "qr1": "x"}, OPTIONS) == "{qr1}"


def test_a_value_the_slot_does_not_allow_is_not_used() -> None:
    assert fill("{user_id|nobody}", {"user_id": "Acer"}, OPTIONS) == "nobody"


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("a\nb\tc", "a b c"),
        ("x" * 50, "x" * 10),
        ("  a   b ", "a b"),
        ("\u202eevil\u2066", "evil"),
        ("\x00", ""),
    ],
)
def test_values_are_one_short_line_without_control_characters(raw: str, clean: str) -> None:
    assert clean_value(raw, 10) == clean


def test_unknown_names_and_single_braces_are_refused_when_the_slot_is_saved() -> None:
    assert "{name} is not among" in problems(ImageEditParams(prompt="{name}"), OPTIONS)["params.prompt"]
    assert "brace" in problems(ImageEditParams(prompt="{survey1"), OPTIONS)["params.prompt"]
    variants = PromptOptions(fields=["survey1"], variants={"pirate": "{hat}"})
    assert "prompt.variants.pirate" in problems(ImageEditParams(prompt="x"), variants)
    assert problems(ImageEditParams(prompt="{survey1|a} and {qr1}"), OPTIONS) == {}


def test_a_named_variant_replaces_the_prompt() -> None:
    options = PromptOptions(fields=["survey1"], variants={"pirate": "{survey1} as a pirate"})
    params = ImageEditParams(prompt="a painting", aspect_ratio="3:4")
    made = prepared(params, options, {"style": "pirate", "survey1": "Anna"})
    assert made == ImageEditParams(prompt="Anna as a pirate", aspect_ratio="3:4")
    assert prepared(params, options, {"style": "unknown"}) == params
