"""Keys of single booths."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import String, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from appliance.core.db import Base


class BoothKey(Base):
    """One booth's key. Of the key itself, 134 random bits, only the SHA-256 is kept.

    An empty ``slots`` means all of them. ``seen_…`` tell of the last upload that brought it.
    """

    __tablename__ = "booth_key"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    name: Mapped[str] = mapped_column(String(80))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    ends_in: Mapped[str] = mapped_column(String(8))
    slots: Mapped[list[str]] = mapped_column(ARRAY(String(16)), default=list, server_default="{}")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_by: Mapped[str] = mapped_column(String(64))
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None] = mapped_column(String(64))
    seen_at: Mapped[datetime | None]
    seen_from: Mapped[str | None] = mapped_column(String(64))
    seen_slot: Mapped[str | None] = mapped_column(String(16))
