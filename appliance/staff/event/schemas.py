"""The JSON forms of an event's end."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

CONFIRMATION = "wipe everything"


class EventState(BaseModel):
    """What this appliance holds of the event's guests."""

    model_config = ConfigDict(frozen=True)

    title: str
    pictures: int = Field(description="guests' pictures that are there, hidden ones too")
    bytes: int = Field(description="of these pictures")
    hidden: int = Field(description="how many of them are hidden")
    photos: int = Field(description="guests' own photos that are kept")
    not_exported: int = Field(
        description="pictures that are in no archive that was sent whole, and kept photos without a picture"
    )
    test_shots: int = Field(description="operators' test shots: wiped, but in no archive")
    galleries: int = Field(description="shared galleries, closed ones too")
    still_running: int = Field(description="jobs under way")
    last_export: datetime | None = Field(description="when the newest archive had been sent whole")


class WipeRequest(BaseModel):
    """A wipe cannot be taken back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    confirm: str = Field(description=f"must be `{CONFIRMATION}`", examples=[CONFIRMATION])
    even_not_exported: bool = Field(
        default=False, description="wipe pictures and photos too that are in no archive that was sent whole"
    )


class WipeReport(BaseModel):
    """What was removed."""

    pictures: int = Field(default=0, description="results whose files are gone now")
    photos: int = Field(default=0, description="guests' own photos that had been kept")
    freed_bytes: int = Field(default=0, description="of all files, screen sizes included")
    rows: int = Field(default=0, description="jobs that say nothing of a guest any more")
    galleries: int = Field(default=0, description="shared galleries, with their addresses")
    still_running: int = Field(default=0, description="jobs under way: wipe again when they have ended")
    not_exported: int = Field(
        default=0,
        description="pictures and photos that stay: they came while it was being wiped, after the export",
    )
