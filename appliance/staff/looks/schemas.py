"""The JSON forms of the ready-made looks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from appliance.providers.catalogue import Words

Suits = Literal["portrait", "group"]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Prompt(_Frozen):
    """What is asked of a provider, in both languages."""

    en: str = Field(description="in English", examples=["Repaint this photo as a loose watercolour …"])
    ru: str = Field(description="in Russian")

    def in_language(self, lang: str) -> str:
        """The prompt in ``lang``, or else in English."""
        return self.ru if lang == "ru" else self.en


class Look(_Frozen):
    """One ready-made look: a prompt that any provider with an image edit takes."""

    id: str = Field(pattern=r"^[a-z][a-z-]{1,39}$", examples=["watercolour"])
    category: str = Field(examples=["painting"])
    suits: list[Suits] = Field(min_length=1, description="suits one person, a group, or both")
    name: Words
    prompt: Prompt
    colours: tuple[Colour, Colour, Colour, Colour] = Field(
        description="colours of its preview drawing: background, light, clothes, faces"
    )


class LookList(_Frozen):
    """All ready-made looks, by category."""

    categories: dict[str, Words] = Field(description="names of the categories, in order")
    looks: list[Look]
