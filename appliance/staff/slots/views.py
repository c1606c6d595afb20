"""The JSON forms of slots."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field, SkipValidation, model_validator

from appliance.core.frozen import FrozenModel, StrictModel
from appliance.core.language import Message
from appliance.core.openapi import without_defaults
from appliance.slots.schemas import SLOT_IDS, SlotConfig

READ_ONLY = frozenset({"slot_id", "updated_by", "updated_at", "problems", "recent_results"})
_SLOT = "slot-005"


class SlotView(SlotConfig):
    """A slot as it is configured."""

    slot_id: str = Field(examples=[_SLOT])
    version: int = Field(description="increases with every change", examples=[7])
    updated_by: str = Field(examples=["serg"])
    updated_at: datetime
    problems: dict[str, SkipValidation[str]] = Field(
        description="what no longer fits the provider, by field; empty if everything fits"
    )


class SlotList(FrozenModel):
    """All slots, in order."""

    slots: list[SlotView]


class SlotUpdate(SlotConfig):
    """Any part of a slot's configuration; what is left out stays as it is.

    What `GET` says beyond the configuration is ignored.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=without_defaults)

    display_name: str = Field(default="", min_length=1, max_length=80)
    provider: str = Field(default="", max_length=32)
    operation: str = Field(default="", max_length=32)
    version: int | None = Field(
        default=None, ge=0, description="version on which this change is based; an outdated one gives 409"
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_read_only(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        return {name: value for name, value in values.items() if name not in READ_ONLY}

    def applied_to(self, config: SlotConfig) -> SlotConfig:
        """``config`` with what this update names."""
        named = self.model_fields_set - {"version"}
        return config.model_copy(update={name: getattr(self, name) for name in named})


class Duplicate(StrictModel):
    """Where a slot's configuration goes."""

    to: str = Field(
        description="slot that receives the configuration", examples=["slot-009"], pattern="^slot-[0-9]{3}$"
    )
    version: int | None = Field(
        default=None, ge=0, description="version of that slot; an outdated one gives 409"
    )

    @model_validator(mode="after")
    def _known(self) -> Duplicate:
        if self.to not in SLOT_IDS:
            raise ValueError(Message("there is no slot %(slot)s", slot=repr(self.to)))
        return self


class SavedVersion(FrozenModel):
    """One version of a slot's configuration."""

    version: int = Field(examples=[6])
    saved_by: str = Field(examples=["igor"])
    saved_at: datetime


class SlotHistory(FrozenModel):
    """Every version that was saved, the newest first; the first of them is in force."""

    slot_id: str = Field(examples=[_SLOT])
    versions: list[SavedVersion]


class SavedConfig(SavedVersion):
    """One version, and what is different now."""

    slot_id: str = Field(examples=[_SLOT])
    config: dict[str, Any]
    changes: dict[str, list[Any]] = Field(
        description="by field: the value in this version, the value now",
        examples=[{"params.grain": [30, 45]}],
    )
