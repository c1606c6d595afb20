"""A slot as the rest of the appliance sees it: frozen and typed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from appliance.core.app_settings import OperatorSettings
from appliance.core.clock import Deadline
from appliance.providers.base import Params

ReplyForm = Literal["json", "image", "multipart"]
SLOT_IDS = tuple(f"slot-{number:03d}" for number in range(1, 16))


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to make of a photo: a provider's operation with its typed parameters."""

    provider: str
    operation: str
    model: str | None
    params: Params = field(repr=False)


@dataclass(frozen=True, slots=True)
class ActiveSlot:
    """A slot that takes photos, with the settings in force at this moment."""

    slot_id: str
    display_name: str
    recipe: Recipe
    reply: ReplyForm
    deadline_seconds: float
    permits: int
    settings: OperatorSettings

    def deadline_from(self, started: float) -> Deadline:
        """The deadline of a request whose first byte came at ``started`` (monotonic seconds)."""
        return Deadline(started, started + self.deadline_seconds)
