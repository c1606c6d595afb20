"""The JSON forms of the statistics."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Literal

from pydantic import Field, SkipValidation

from appliance.core.frozen import FrozenModel
from appliance.staff.jobs.schemas import AdviceView, CostView, ProgressView

SlotState = Literal["ready", "fallback", "paused", "failing"]
CauseKind = Literal[
    "settings",
    "primary_failed",
    "fallback_only",
    "not_tried_since",
    "model_ended",
    "model_ending",
    "model_unknown",
    "no_key",
    "keys_rest",
    "circuit_open",
    "last_failure",
]


class Cause(FrozenModel):
    """Something that is wrong, or was at the last photo."""

    kind: CauseKind = Field(
        description="`settings`: the slot's settings no longer fit the provider; `primary_failed`: the "
        "first route failed and will keep failing until somebody acts; `fallback_only`: fallbacks "
        "delivered the newest three guests' jobs; `not_tried_since`: "
        "it failed because of its key, a later test (at `at`) showed that the key is "
        "accepted, but no photo has used it yet; `model_ended`, `model_ending` (within 30 "
        "days), `model_unknown` (to the provider): choose another model; `no_key`, "
        "`keys_rest`, `circuit_open`: a route cannot be used now; `last_failure`: the "
        "newest guest's job failed"
    )
    route: str | None = Field(default=None, examples=["gemini/gemini-nano-banana-2.1"])
    reason: str | None = Field(default=None, examples=["provider_unavailable"])
    provider_reason: str | None = Field(default=None, examples=["http_503"])
    provider_kind: str | None = Field(default=None, examples=["unreachable"])
    fields: dict[str, SkipValidation[str]] | None = Field(
        default=None, description="for `settings`: what does not fit"
    )
    job_id: uuid.UUID | None = Field(
        default=None, description="for `last_failure`, `primary_failed` and `fallback_only`"
    )
    at: datetime | None = Field(default=None, description="for these and `not_tried_since`")
    retry_in: float | None = Field(default=None, description="seconds until the route may be used again")
    model: str | None = Field(default=None, description="for `model_…`", examples=["gpt-image-1.5"])
    ends_on: date | None = Field(default=None, description="for `model_…`: its last day, if known")
    said_by: Literal["provider", "catalogue"] | None = Field(
        default=None, description="for `model_…`: who says so"
    )
    successor: str | None = Field(default=None, description="for `model_…`: what to use instead")
    advice: AdviceView | None = Field(
        default=None, description="what happened, in plain words, and what to do"
    )


class OldestView(FrozenModel):
    """The photo that has been on its way for longest."""

    job_id: uuid.UUID
    seconds: float = Field(description="since its first byte", examples=[12.4])
    deadline_seconds: float = Field(examples=[48.0])


class SlotStats(FrozenModel):
    """How a slot is doing. Test runs count only as in flight."""

    slot_id: str = Field(examples=["slot-005"])
    display_name: str = Field(examples=["Comic"])
    provider: str = Field(examples=["local"])
    operation: str = Field(examples=["comic"])
    model: str | None
    state: SlotState = Field(
        description="`failing`: no route can be used, or the newest three jobs all failed; `fallback`: "
        "pictures are delivered, but not by the first route until somebody does what `why` "
        "says"
    )
    why: list[Cause] = Field(
        description="what is wrong; thanks to a fallback, the slot may be ready all the same"
    )
    in_flight: int = Field(description="photos being processed now")
    oldest: OldestView | None = Field(description="of these; `null` if there are none")
    progress: list[ProgressView] = Field(description="how far these photos are, if their provider reports it")
    lately: int = Field(description="guests' jobs that ended in the last ten minutes")
    last_hour: int = Field(description="guests' jobs that ended in the last hour")
    delivered: int = Field(description="how many of these delivered a picture")
    success_rate: float | None = Field(description="0 to 1; `null` if there were no jobs", examples=[0.99])
    median_ms: int | None = Field(
        description="median time of the delivered jobs, in milliseconds", examples=[2100]
    )
    last_picture: uuid.UUID | None = Field(description="job id of the newest picture that guests can see")
    preview_url: str | None


class SlotStatsList(FrozenModel):
    """All slots, in order."""

    slots: list[SlotStats]


class SlotCost(FrozenModel):
    """What a slot's photos cost on one day."""

    slot_id: str = Field(examples=["slot-005"])
    cost: CostView


class DayCost(FrozenModel):
    """What the photos of one day cost."""

    day: date = Field(description="day in UTC")
    cost: CostView = Field(description="cost of all slots")
    slots: list[SlotCost] = Field(description="slots with attempts that are or may be billed")


class CostList(FrozenModel):
    """The days on which something was or may have been billed, the newest first."""

    days: list[DayCost]
