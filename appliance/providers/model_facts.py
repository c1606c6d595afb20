"""What providers tell of their models, and how a driver that can is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol, runtime_checkable

from appliance.core.clock import Deadline


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a provider said of one of its models: whether it has it, and its last day.

    ``of_end`` is false where it did not speak of an end at all.
    """

    there: bool = True
    ends_on: date | None = None
    of_end: bool = True


@runtime_checkable
class ModelFactsDriver(Protocol):
    """A driver whose provider tells of its models, which costs nothing."""

    async def model_facts(self, api_key: str, model: str, deadline: Deadline) -> ModelFacts:
        """What the provider says of ``model``: that there is none is no failure. Else fails as ``edit``."""
        ...

    async def model_names(self, api_key: str, deadline: Deadline) -> tuple[str, ...]:
        """The models that the provider lists for this key."""
        ...
