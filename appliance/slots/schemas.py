"""A slot as the rest of the appliance sees it: frozen and typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from appliance.core.app_settings import OperatorSettings
from appliance.core.clock import Deadline
from appliance.media.finish import OutputOptions
from appliance.providers.routes import EditPlan, Route
from appliance.slots.prompts import PromptOptions, prepared

ReplyForm = Literal["json", "image", "multipart"]
SLOT_IDS = tuple(f"slot-{number:03d}" for number in range(1, 16))


class RouteConfig(BaseModel):
    """One way to make a slot's pictures, as it is configured and stored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: str = Field(max_length=32)
    operation: str = Field(max_length=32)
    model: str | None = Field(default=None, max_length=80)
    params: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ActiveSlot:
    """A slot that takes photos, with the settings in force at this moment."""

    slot_id: str
    display_name: str
    routes: tuple[Route, ...]
    hedge: bool
    prompt: PromptOptions
    output: OutputOptions
    reply: ReplyForm
    deadline_seconds: float
    permits: int
    settings: OperatorSettings
    overlay: bytes | None = field(default=None, repr=False)

    def deadline_from(self, started: float) -> Deadline:
        """The deadline of a request whose first byte came at ``started`` (monotonic seconds)."""
        return Deadline(started, started + self.deadline_seconds)

    def plan(self, job_id: str, values: Mapping[str, str]) -> EditPlan:
        """The routes for one photo, its prompts filled in from what the camera sent."""
        routes = tuple(
            replace(route, params=prepared(route.params, self.prompt, values)) for route in self.routes
        )
        return EditPlan(job_id, routes, self.hedge)
