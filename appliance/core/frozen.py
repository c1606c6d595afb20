"""Models whose values nobody changes once they are made."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class FrozenModel(BaseModel):
    """One that the app makes itself, such as an answer."""

    model_config = ConfigDict(frozen=True)


class StrictModel(FrozenModel):
    """One that is made from what somebody sends or configures: an unknown field is refused."""

    model_config = ConfigDict(extra="forbid")
