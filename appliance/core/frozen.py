"""Models whose values nobody changes once they are made."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class FrozenModel(BaseModel):
    """What we give."""

    model_config = ConfigDict(frozen=True)


class StrictModel(FrozenModel):
    """What we are given: a name that we do not know is refused."""

    model_config = ConfigDict(extra="forbid")
