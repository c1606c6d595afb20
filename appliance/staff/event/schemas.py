"""The JSON forms of an event's end."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from appliance.core.frozen import FrozenModel, StrictModel

CONFIRMATION = "wipe everything"


class EventState(FrozenModel):
    """What this appliance holds of the event's guests."""

    title: str
    pictures: int = Field(description="guests' pictures, including hidden ones")
    bytes: int = Field(description="total size of these pictures")
    hidden: int = Field(description="how many of these pictures are hidden")
    photos: int = Field(description="guests' own photos that are kept")
    not_exported: int = Field(
        description="pictures, and kept photos without a picture, that no completed download contains"
    )
    test_shots: int = Field(
        description="operators' test shots; a wipe removes them, but no archive contains them"
    )
    galleries: int = Field(description="shared galleries, including closed ones")
    still_running: int = Field(description="jobs in progress")
    last_export: datetime | None = Field(description="when the newest download was completed")


class WipeRequest(StrictModel):
    """A wipe cannot be taken back."""

    confirm: str = Field(description=f"must be `{CONFIRMATION}`", examples=[CONFIRMATION])
    even_not_exported: bool = Field(
        default=False, description="also wipe pictures and photos that no completed download contains"
    )


class WipeReport(BaseModel):
    """What was removed."""

    pictures: int = Field(default=0, description="results whose files were removed")
    photos: int = Field(default=0, description="guests' own photos that were removed")
    freed_bytes: int = Field(default=0, description="size of all removed files, including screen sizes")
    rows: int = Field(default=0, description="jobs from which all guest data was removed")
    galleries: int = Field(
        default=0, description="shared galleries that were removed; their addresses stop working"
    )
    still_running: int = Field(default=0, description="jobs in progress; wipe again when they have ended")
    not_exported: int = Field(
        default=0,
        description="pictures and photos that were kept because they arrived after the export, during "
        "the wipe",
    )
