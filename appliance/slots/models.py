"""The fifteen static slots and the template media bound to them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String, func
from sqlalchemy.orm import Mapped, mapped_column

from appliance.core.db import Base


class Slot(Base):
    """One slot: which provider makes what of a photo, and how the booth is answered.

    ``fallbacks`` are further routes in order; ``input_max_side`` is in pixels, 0 sends the
    original file; ``output`` and ``prompt`` are the options of ``media.finish`` and
    ``slots.prompts``.
    """

    __tablename__ = "slot"

    slot_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    display_name: Mapped[str] = mapped_column(String(80))
    provider: Mapped[str] = mapped_column(String(32))
    operation: Mapped[str] = mapped_column(String(32))
    model: Mapped[str | None] = mapped_column(String(80))
    params: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    fallbacks: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    hedge: Mapped[bool] = mapped_column(default=False, server_default="false")
    input_max_side: Mapped[int] = mapped_column(default=2048, server_default="2048")
    output: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    prompt: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    reply: Mapped[str] = mapped_column(String(16), default="json", server_default="json")
    active: Mapped[bool] = mapped_column(default=True, server_default="true")
    deadline_seconds: Mapped[float | None]
    permits: Mapped[int | None]
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    updated_by: Mapped[str] = mapped_column(String(64))
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())

    __table_args__ = (CheckConstraint("reply in ('json', 'image', 'multipart')", name="reply"),)


class SlotTemplateMedia(Base):
    """A template media bound to a slot in a role (``style``, ``background``, …)."""

    __tablename__ = "slot_template_media"

    slot_id: Mapped[str] = mapped_column(ForeignKey("slot.slot_id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str] = mapped_column(String(32), primary_key=True)
    media_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("template_media.id", ondelete="RESTRICT"), index=True
    )


class SlotVersion(Base):
    """A slot's whole configuration as it was saved once; ``config`` is a ``SlotConfig`` as JSON."""

    __tablename__ = "slot_version"

    slot_id: Mapped[str] = mapped_column(ForeignKey("slot.slot_id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    config: Mapped[dict[str, Any]]
    saved_by: Mapped[str] = mapped_column(String(64))
    saved_at: Mapped[datetime]
