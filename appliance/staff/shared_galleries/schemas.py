"""The JSON forms of shared galleries."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import Field

from appliance.core.clock import Moment
from appliance.core.frozen import FrozenModel, StrictModel
from appliance.guests.shared_galleries.service import GalleryState

Minutes = Annotated[
    float | None,
    Field(
        default=60,
        gt=0,
        le=60 * 24 * 90,
        description="how long it stays open; `null`: until somebody closes it",
    ),
]


PIN_DIGITS = 6


class GalleryDuration(StrictModel):
    """For how long."""

    minutes: Minutes


class NewGallery(GalleryDuration):
    """A gallery to open."""

    title: str = Field(default="", max_length=120, description="empty: use the event's title")
    slot_id: str | None = Field(
        default=None, pattern=r"^slot-0(0[1-9]|1[0-5])$", description="`null`: pictures from all slots"
    )
    pin: str | None = Field(
        default=None,
        pattern=r"^[0-9]{4,8}$",
        description="guests enter it once; with fewer than six digits it can be guessed overnight",
    )
    moderated: bool = Field(
        default=False, description="pictures are shown only after an operator approves them"
    )
    pictures_from: Moment | None = Field(
        default=None, description="leave out older pictures; `null`: those older than 12 hours"
    )


class GalleryView(FrozenModel):
    """A gallery as operators see it."""

    id: uuid.UUID
    state: GalleryState
    title: str
    slot_id: str | None
    pin: str | None
    pin_is_short: bool = Field(description="whether it can be guessed overnight")
    moderated: bool
    pictures_from: datetime
    opened_at: datetime
    opened_by: str
    closes_at: datetime | None
    closed_at: datetime | None
    closed_by: str | None
    pictures: int = Field(description="number of pictures that guests can see now")
    waiting: int = Field(description="number of pictures waiting for approval")
    url: str = Field(description="the address for guests", examples=["http://192.168.1.20:8080/g/kX2…"])
    qr_url: str
    wall_url: str = Field(description="the address for a screen in the room")


class GalleryList(FrozenModel):
    """Every gallery, the newest first."""

    galleries: list[GalleryView]


class Approval(StrictModel):
    """An operator's decision over pictures."""

    job_ids: list[uuid.UUID] = Field(min_length=1, max_length=200)
    approved: bool | None = Field(
        default=True,
        description="`true`: moderated galleries show them; `false`: no gallery shows them, but their "
        "own links keep working; `null`: undecided again",
    )


class Approved(FrozenModel):
    """How many pictures changed."""

    changed: int


class WaitingPicture(FrozenModel):
    """A picture that waits for an operator's tap."""

    job_id: uuid.UUID
    slot_id: str
    created_at: datetime
    preview_url: str


class WaitingList(FrozenModel):
    """What waits, the oldest first."""

    waiting: list[WaitingPicture]
