"""The tables of alerts: whom to call, and what was or is to be said."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, LargeBinary, String, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from appliance.core.db import Base


class AlertChannel(Base):
    """An address that messages go to. It is encrypted; ``scheme`` and ``ends_in`` are all that is shown."""

    __tablename__ = "alert_channel"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    name: Mapped[str] = mapped_column(String(60))
    scheme: Mapped[str] = mapped_column(String(16))
    encrypted: Mapped[bytes] = mapped_column(LargeBinary)
    ends_in: Mapped[str] = mapped_column(String(8))
    language: Mapped[str] = mapped_column(String(8))
    severity: Mapped[str] = mapped_column(String(16))  # the least that it is told of
    added_by: Mapped[str] = mapped_column(String(64))
    added_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AlertMessage(Base):
    """One message to one channel: written first, then sent, again and again for a day if need be.

    ``kind`` is ``opened``, ``repeat`` or ``closed``. ``held_until``: a process is sending it. ``refused_at``:
    the other side refused it for what is in it; those behind it no longer wait. ``dropped_at``: nobody tries
    any more, ``answer`` says why. The issue's id outlives the issue.
    """

    __tablename__ = "alert_message"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    channel_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("alert_channel.id", ondelete="CASCADE"))
    issue_id: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(8))
    title: Mapped[str] = mapped_column(String(250))
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    next_try_at: Mapped[datetime] = mapped_column(server_default=func.now())
    held_until: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    sent_at: Mapped[datetime | None]
    refused_at: Mapped[datetime | None]
    dropped_at: Mapped[datetime | None]
    answer: Mapped[str] = mapped_column(String(600), default="", server_default="")

    __table_args__ = (
        Index("ix_alert_message_of", "channel_id", "issue_id", text("id desc")),
        Index(
            "ix_alert_message_due",
            "next_try_at",
            postgresql_where=text("sent_at is null and dropped_at is null"),
        ),
    )
