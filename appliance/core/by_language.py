"""A text of some data in several languages, as a person wrote it beside the data."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(min_length=1)]


class ByLanguage(BaseModel):
    """By the codes of languages: ``{en = "Painting", ru = "Живопись"}``. English is always there."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[Annotated[str, Field(pattern="^[a-z]{2}$")], Text]

    en: Text

    @property
    def texts(self) -> dict[str, str]:
        """Every text by the code of its language."""
        return {"en": self.en, **self.__pydantic_extra__}

    def in_language(self, code: str) -> str:
        """The text in the language of ``code``, or else in English."""
        return self.__pydantic_extra__.get(code, self.en)
