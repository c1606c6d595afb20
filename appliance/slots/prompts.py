"""Prompts as templates: ``{survey1}`` or ``{survey1|a hero}`` is filled from what the camera sent.

Only names that the slot allows are filled in, values are cut and cleaned, and a query value may
choose among the slot's named prompt variants (``?style=pirate``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from appliance.core.frozen import StrictModel
from appliance.core.language import Message
from appliance.providers.base import Params

FIELD_NAME = r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$"
_PLACE = re.compile(r"\{([A-Za-z][A-Za-z0-9_.-]{0,63})(?:\|([^{}]*))?\}")
_BROKEN = re.compile(r"[{}]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


class PromptOptions(StrictModel):
    """Which values a slot's prompts may use, and its named variants."""

    fields: list[str] = Field(
        default_factory=list,
        max_length=40,
        title="Values",
        description="Camera fields and URL values that prompts may use, e.g. survey1.",
    )
    max_chars: int = Field(
        default=80,
        ge=1,
        le=500,
        title="Longest value",
        description="How many characters of a value are used.",
    )
    variant_field: str = Field(
        default="style",
        pattern=FIELD_NAME,
        title="Variant chosen by",
        description="A URL value or camera field.",
    )
    variants: dict[str, str] = Field(
        default_factory=dict, title="Prompt variants", description="A prompt for each value of that field."
    )


def is_template(model: type[Params], name: str) -> bool:
    """Whether a parameter is a prompt, which may hold places for values."""
    extra = model.model_fields[name].json_schema_extra
    return isinstance(extra, dict) and bool(extra.get("x-multiline") or extra.get("x-template"))


def _texts(params: Params) -> Iterator[tuple[str, str]]:
    for name in type(params).model_fields:
        value = getattr(params, name)
        if isinstance(value, str) and is_template(type(params), name):
            yield name, value


def problems(params: Params, options: PromptOptions) -> dict[str, str]:
    """What is wrong with the places in the prompts, by field; empty when all is well."""
    found: dict[str, str] = {}
    texts = [(f"params.{name}", text) for name, text in _texts(params)]
    texts += [(f"prompt.variants.{name}", text) for name, text in options.variants.items()]
    for field, text in texts:
        unknown = sorted({name for name, _ in _PLACE.findall(text)} - set(options.fields))
        if unknown:
            place, known = f"{{{unknown[0]}}}", ", ".join(options.fields)
            found[field] = (
                Message("%(place)s is not among the slot's values (%(known)s)", place=place, known=known)
                if known
                else Message("%(place)s is not among the slot's values (none)", place=place)
            )
        elif _BROKEN.search(_PLACE.sub("", text)):
            found[field] = Message("a brace stands alone; write {name} or {name|what else}")
    for name in options.fields:
        if not re.fullmatch(FIELD_NAME, name):
            found["prompt.fields"] = Message("%(name)s cannot be a value's name", name=repr(name))
    return found


def clean_value(value: str, max_chars: int) -> str:
    """A guest's value as it may stand in a prompt: one line, no control characters, not long."""
    return " ".join(_CONTROL.sub(" ", value).split())[:max_chars].strip()


def fill(text: str, values: Mapping[str, str], options: PromptOptions) -> str:
    """``text`` with its places filled in; a missing or empty value gives what stands behind ``|``."""
    allowed = set(options.fields)

    def put(match: re.Match[str]) -> str:
        name, otherwise = match[1], match[2] or ""
        value = clean_value(values.get(name, ""), options.max_chars) if name in allowed else ""
        return value or otherwise

    return _PLACE.sub(put, text)


def prepared(params: Params, options: PromptOptions, values: Mapping[str, str]) -> Params:
    """``params`` for one photo: the chosen variant as ``prompt``, every place filled in."""
    changes: dict[str, Any] = {}
    variant = options.variants.get(values.get(options.variant_field, ""))
    for name, text in _texts(params):
        chosen = variant if variant is not None and name == "prompt" else text
        changes[name] = fill(chosen, values, options)
    return params.model_copy(update=changes) if changes else params
