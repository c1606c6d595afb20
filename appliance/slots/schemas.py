"""A slot's configuration, and a slot as the rest of the appliance sees it: frozen and typed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Annotated, Any, Literal

from pydantic import Field

from appliance.core.clock import Deadline
from appliance.core.frozen import StrictModel
from appliance.media.finish import OutputOptions
from appliance.providers.routes import MAX_FALLBACKS, EditPlan, Route
from appliance.settings.operator import OperatorSettings
from appliance.slots.prompts import PromptOptions, prepared

Role = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
ReplyForm = Literal["json", "image", "multipart"]
SLOT_IDS = tuple(f"slot-{number:03d}" for number in range(1, 16))


def number_of(slot_id: str) -> str:
    """A slot's number as it stands on the machine's edge: ``07``."""
    return slot_id.rpartition("-")[2].lstrip("0").zfill(2)


class RouteConfig(StrictModel):
    """One way to make a slot's pictures, as it is configured and stored."""

    provider: str = Field(max_length=32)
    operation: str = Field(max_length=32)
    model: str | None = Field(default=None, max_length=80)
    params: dict[str, Any] = Field(default_factory=dict)

    def digest(self) -> str:
        """A short name that differs when anything about this route does."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return blake2b(text.encode(), digest_size=12).hexdigest()


class SlotFields(StrictModel):
    """What can be configured of a slot, whether in the config file or later."""

    display_name: str = Field(min_length=1, max_length=80, examples=["Comic"])
    provider: str = Field(max_length=32, examples=["gemini"])
    operation: str = Field(max_length=32, examples=["image_edit"])
    model: str | None = Field(default=None, max_length=80, examples=["gemini-nano-banana-2.1"])
    params: dict[str, Any] = Field(
        default_factory=dict, description="parameters that match the operation's `params_schema`"
    )
    fallbacks: list[RouteConfig] = Field(
        default_factory=list,
        max_length=MAX_FALLBACKS,
        description="routes to try in this order if the first one fails",
    )
    hedge: bool = Field(
        default=False,
        description="start the first fallback as well when the provider is late; this costs more",
    )
    input_max_side: int = Field(
        default=2048,
        ge=0,
        le=8000,
        description="longest side, in pixels, of the photo sent to the provider; 0: the original file",
    )
    prompt: PromptOptions = PromptOptions()
    output: OutputOptions = OutputOptions()
    reply: ReplyForm = "json"
    active: bool = True
    deadline_seconds: float | None = Field(
        default=None, ge=10, le=60, description="`null`: use the setting `sync_response_seconds`"
    )
    permits: int | None = Field(
        default=None, ge=1, le=50, description="`null`: use the setting `slot_permits`"
    )


class SlotConfig(SlotFields):
    """A slot's whole configuration: what is saved as one version."""

    template_media: dict[Role, uuid.UUID] = Field(
        default_factory=dict, max_length=10, description="ids of template media, by role"
    )


@dataclass(frozen=True, slots=True)
class ActiveSlot:
    """A slot that takes photos, with the settings in force at this moment."""

    slot_id: str
    routes: tuple[Route, ...]
    hedge: bool
    prompt: PromptOptions
    output: OutputOptions
    reply: ReplyForm
    deadline_seconds: float
    permits: int
    settings: OperatorSettings
    overlay: bytes | None = field(default=None, repr=False)
    primary: str | None = None
    """Names the primary route as it is saved now; ``None``: these settings are not saved."""

    @property
    def input_max_side(self) -> int | None:
        """The longest side of the photo that the first provider is sent; ``None``: none, or untouched."""
        first = self.routes[0]
        return first.input_max_side if first.by_ai else None

    def deadline_from(self, started: float) -> Deadline:
        """The deadline of a request whose first byte came at ``started`` (monotonic seconds)."""
        return Deadline(started, started + self.deadline_seconds)

    def plan(self, job_id: str, values: Mapping[str, str]) -> EditPlan:
        """The routes for one photo, its prompts filled in from what the camera sent."""
        routes = tuple(
            replace(route, params=prepared(route.params, self.prompt, values)) for route in self.routes
        )
        return EditPlan(job_id, routes, self.hedge)
