"""The parameters of a provider's operation, as a slot keeps them and a driver takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, model_validator

from appliance.core.frozen import StrictModel


class Params(StrictModel):
    """Base of every operation's parameters: frozen, and unknown names are refused.

    ``timed_by``: those on which it depends how long a picture takes. ``retired``: names of before, which
    slots that were saved then may still have; they are dropped.
    """

    timed_by: ClassVar[tuple[str, ...]] = ()
    retired: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _without_retired(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or not cls.retired:
            return values
        return {name: value for name, value in values.items() if name not in cls.retired}

    def timing(self) -> list[str]:
        """What is asked for that changes how long a picture takes."""
        fields = type(self).model_fields
        asked = ((name, getattr(self, name)) for name in self.timed_by)
        return [f"{name}={value}" for name, value in asked if value != fields[name].default]


def prompt_field(
    longest: int,
    description: str = "What to change in the photo. The photo is the first image, references follow it.",
) -> Any:
    """What a picture is to be made like, in at most ``longest`` characters."""
    return Field(
        title="Prompt",
        description=description,
        min_length=1,
        max_length=longest,
        json_schema_extra={"x-multiline": True},
    )


def words_field(longest: int, title: str, description: str) -> Any:
    """Words that may be left out."""
    return Field(
        default="",
        title=title,
        description=description,
        max_length=longest,
        json_schema_extra={"x-multiline": True},
    )


def seed_field(most: int, *, least: int = 0) -> Any:
    """The number that a picture's randomness begins with."""
    return Field(
        default=None,
        title="Seed",
        description="The same number makes similar pictures; empty means a different one each time.",
        ge=least,
        le=most,
    )
