"""How a model is today: the provider's own word where it was heard, else the catalogue's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from appliance.providers.catalogue import ENDING_DAYS, Catalogue, Model
from appliance.providers.learned import LearnedModels

State = Literal["recommended", "current", "deprecated", "ending", "ended", "unknown"]
Source = Literal["provider", "catalogue"]
TROUBLED: tuple[State, ...] = ("ending", "ended", "unknown")


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A model on one day. ``unknown``: the provider has no such model, and nobody said that it ended.

    ``said_by`` and ``said_on`` tell who says so, and of which day.
    """

    provider: str
    model: str
    state: State
    ends_on: date | None
    successor: Model | None
    said_by: Source
    said_on: date | None

    @property
    def troubled(self) -> bool:
        """Whether somebody should choose another model."""
        return self.state in TROUBLED

    @property
    def gone(self) -> bool:
        """Whether the provider itself said that it has no such model."""
        return self.said_by == "provider" and self.state in ("ended", "unknown")


def model_status(
    catalogue: Catalogue, learned: LearnedModels, provider: str, model: str | None, now: datetime
) -> ModelStatus | None:
    """How ``model`` (``None``: the provider's default) is; ``None`` where a provider has no models."""
    known = catalogue.get(provider, model)
    name = model or (known.id if known else None)
    if name is None or provider not in catalogue.providers:
        return None
    day, said = now.date(), learned.of(provider, name)
    successor = catalogue.of(provider).successor(name, day)
    if successor is not None and (word := learned.of(provider, successor.id)) and not word.there:
        successor = None
    if said is None or (said.there and said.ends_on is None and _still(known, day)):
        if known is None:
            return None
        life = known.life
        return ModelStatus(
            provider, name, known.state_on(day), life.ends_on, successor, "catalogue", life.checked
        )
    ends_on = said.ends_on or (known.life.ends_on if known else None)
    return ModelStatus(
        provider, name, _said_state(said.there, said.ends_on, known, day), ends_on, successor,
        "provider", said.said_at.date(),
    )  # fmt: skip


def _still(known: Model | None, day: date) -> bool:
    """Whether the catalogue says that a model is there, so that the provider's word adds nothing."""
    return known is not None and known.state_on(day) != "ended"


def _said_state(there: bool, ends_on: date | None, known: Model | None, day: date) -> State:
    given = known.state_on(day) if known else "current"
    if not there:
        return "ended" if given in ("ended", "ending", "deprecated") else "unknown"
    if ends_on is not None and ends_on < day:
        return "ended"
    if ends_on is not None and ends_on - day <= timedelta(days=ENDING_DAYS):
        return "ending"
    return "deprecated" if given in ("ended", "ending", "deprecated") else given
