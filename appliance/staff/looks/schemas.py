"""The JSON forms of the ready-made looks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from appliance.core.by_language import ByLanguage
from appliance.core.frozen import FrozenModel

Suits = Literal["portrait", "group"]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]


class Look(FrozenModel):
    """One ready-made look: a prompt that any provider with an image edit takes."""

    id: str = Field(pattern=r"^[a-z][a-z-]{1,39}$", examples=["watercolour"])
    category: str = Field(examples=["painting"])
    suits: list[Suits] = Field(min_length=1, description="suits one person, a group, or both")
    name: ByLanguage
    prompt: ByLanguage
    colours: tuple[Colour, Colour, Colour, Colour] = Field(
        description="colours of its preview drawing: background, light, clothes, faces"
    )


class LookList(FrozenModel):
    """All ready-made looks, by category."""

    categories: dict[str, ByLanguage] = Field(description="names of the categories, in order")
    looks: list[Look]
