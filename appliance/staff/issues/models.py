"""The table of issues."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Identity, Index, String, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from appliance.core.clock import utcnow
from appliance.core.db import Base


class Issue(Base):
    """Something that needs attention, or did. Of each ``key`` one is open at most.

    ``parameters`` are what its words put in, ``action`` is what can be pressed. While ``ignored_until`` is
    ahead nobody is told of it. ``opened_at`` is when it began, which may be long before ``written_at``.
    """

    __tablename__ = "issue"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    key: Mapped[str] = mapped_column(String(160))
    code: Mapped[str] = mapped_column(String(40))
    severity: Mapped[str] = mapped_column(String(16))
    parameters: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    slots: Mapped[list[str]] = mapped_column(ARRAY(String(16)), default=list, server_default="{}")
    action: Mapped[dict[str, Any] | None]
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    written_at: Mapped[datetime | None] = mapped_column(default=func.now())
    closed_at: Mapped[datetime | None]
    ignored_until: Mapped[datetime | None]
    ignored_by: Mapped[str | None] = mapped_column(String(64))

    __table_args__ = (
        Index("ix_issue_open", "key", unique=True, postgresql_where=text("closed_at is null")),
        Index("ix_issue_key", "key", text("id desc")),
    )

    @property
    def is_ignored(self) -> bool:
        """Whether somebody asked not to be told of it for now."""
        return self.ignored_until is not None and self.ignored_until > utcnow()
