"""Galleries that an administrator opens for everybody at the event."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from appliance.core.db import Base


class SharedGallery(Base):
    """One gallery of a slot, or of the whole event, at one fixed address.

    ``token`` is the guests' address, ``wall_token`` the one of a screen in the room; both are 128
    random bits. Pictures taken before ``pictures_from`` are not in it. It is open until
    ``closes_at``, or until somebody closes it. The PIN is kept as it is: operators print it.
    """

    __tablename__ = "shared_gallery"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    token: Mapped[str] = mapped_column(String(32), unique=True)
    wall_token: Mapped[str] = mapped_column(String(32), unique=True)
    title: Mapped[str] = mapped_column(String(120))
    slot_id: Mapped[str | None] = mapped_column(ForeignKey("slot.slot_id"))
    pin: Mapped[str | None] = mapped_column(String(12))
    moderated: Mapped[bool]
    pictures_from: Mapped[datetime]
    opened_at: Mapped[datetime]
    opened_by: Mapped[str] = mapped_column(String(64))
    closes_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None] = mapped_column(String(64))
