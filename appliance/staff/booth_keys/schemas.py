"""The JSON forms of booth keys. A key itself stands in one answer only: that to its making."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from appliance.core.frozen import FrozenModel, StrictModel
from appliance.core.language import Message
from appliance.slots.schemas import SLOT_IDS

LONGEST_NAME = 80
_STAMP = "2026-11-23T18:04:11.203Z"


def _named(value: str) -> str:
    name = " ".join(value.split())
    if not name:
        raise ValueError(Message("give it a name, such as 'Booth by the bar'"))
    if not name.isprintable():
        raise ValueError(Message("must hold letters, digits and signs only"))
    return name


def _known(slots: list[str]) -> list[str]:
    if unknown := [slot for slot in slots if slot not in SLOT_IDS]:
        raise ValueError(Message("there is no %(slot)s", slot=unknown[0][:40]))
    return [slot for slot in SLOT_IDS if slot in slots]


Name = Annotated[
    str,
    Field(max_length=LONGEST_NAME, examples=["Booth by the bar"], json_schema_extra={"minLength": 1}),
    AfterValidator(_named),
]
Slots = Annotated[
    list[str],
    Field(
        max_length=len(SLOT_IDS), description="the only slots it opens; empty: all", examples=[["slot-001"]]
    ),
    AfterValidator(_known),
]


class NewBoothKey(StrictModel):
    """A booth that gets a key of its own."""

    name: Name
    slots: Slots = []  # noqa: RUF012 - Pydantic copies it


class BoothKeyChange(StrictModel):
    """What is to be different; what is left out stays."""

    name: Name | None = None
    slots: Slots | None = None


class BoothKeyView(FrozenModel):
    """A booth's key, as far as it is shown."""

    id: uuid.UUID
    name: str
    ends_in: str = Field(examples=["…x3np"])
    slots: list[str] = Field(description="the only slots it opens; empty: all")
    created_at: datetime = Field(examples=[_STAMP])
    created_by: str = Field(examples=["serg"])
    revoked_at: datetime | None
    revoked_by: str | None
    seen_at: datetime | None = Field(description="the last upload that brought it")
    seen_from: str | None = Field(description="where that came from", examples=["192.168.1.31"])
    seen_slot: str | None = Field(examples=["slot-001"])


class MadeBoothKey(BoothKeyView):
    """A new key; it is shown this once."""

    key: str = Field(examples=["booth-k7mq-x3np-…"])


class BoothKeyList(FrozenModel):
    """Every key by its booth's name, revoked ones too."""

    keys: list[BoothKeyView]
