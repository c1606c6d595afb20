"""The tables of webhooks: whom to tell, and what was or is to be told."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, LargeBinary, String, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from appliance.core.db import Base


class Webhook(Base):
    """A program's address and the secret that signs what it is sent; both are encrypted.

    ``read_until``: what finished, opened or closed before is written to the deliveries.
    """

    __tablename__ = "webhook"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    name: Mapped[str] = mapped_column(String(60))
    encrypted: Mapped[bytes] = mapped_column(LargeBinary)
    encrypted_secret: Mapped[bytes] = mapped_column(LargeBinary)
    origin: Mapped[str] = mapped_column(String(320))
    ends_in: Mapped[str] = mapped_column(String(8))
    events: Mapped[list[str]] = mapped_column(ARRAY(String(32)))
    added_by: Mapped[str] = mapped_column(String(64))
    added_at: Mapped[datetime] = mapped_column(server_default=func.now())
    read_until: Mapped[datetime] = mapped_column(server_default=func.now())


class WebhookDelivery(Base):
    """One event for one webhook, once: written first, then sent until it is taken, for a day."""

    __tablename__ = "webhook_delivery"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    webhook_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("webhook.id", ondelete="CASCADE"))
    event: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(64))
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    next_try_at: Mapped[datetime] = mapped_column(server_default=func.now())
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    delivered_at: Mapped[datetime | None]
    dropped_at: Mapped[datetime | None]
    status: Mapped[int | None]
    answer: Mapped[str] = mapped_column(String(300), default="", server_default="")

    __table_args__ = (
        Index("ix_webhook_delivery_of", "webhook_id", "event", "subject", unique=True),
        Index(
            "ix_webhook_delivery_due",
            "next_try_at",
            postgresql_where=text("delivered_at is null and dropped_at is null"),
        ),
    )
