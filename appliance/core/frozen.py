"""Models whose values nobody changes once they are made."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class FrozenModel(BaseModel):
    """One that the app makes itself, such as an answer; also from an object, by its attributes."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    @classmethod
    def from_object(cls, source: object, **others: Any) -> Self:
        """Each field from the attribute of its name, except for ``others``, which ``source`` has not so."""
        names = cls.model_fields.keys() - others.keys()
        return cls(**{name: getattr(source, name) for name in names}, **others)


class StrictModel(FrozenModel):
    """One that is made from what somebody sends or configures: an unknown field is refused."""

    model_config = ConfigDict(extra="forbid")
