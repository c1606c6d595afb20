"""The table of pre-flights: the one that runs, and the last ones."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Identity, Index, String, func, text
from sqlalchemy.orm import Mapped, mapped_column

from appliance.core.clock import utcnow
from appliance.core.db import Base

# Without a sign of whoever runs it; one of a time to come was given while the clock was ahead.
LOST_AFTER = timedelta(seconds=20)


class Preflight(Base):
    """One run. ``started_at``: an app has taken it up; ``group`` is what it looks at, ``checks`` what it has
    found so far. ``interrupted``: it ended before its end.
    """

    __tablename__ = "preflight"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now())
    asked_by: Mapped[str] = mapped_column(String(80))
    paid: Mapped[bool] = mapped_column(default=False, server_default="false")
    base: Mapped[str | None] = mapped_column(String(300))
    started_at: Mapped[datetime | None]
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]
    interrupted: Mapped[bool] = mapped_column(default=False, server_default="false")
    group: Mapped[str | None] = mapped_column("group_name", String(16))
    checks: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")

    __table_args__ = (
        Index(
            "ix_preflight_running",
            text("(finished_at is null)"),
            unique=True,
            postgresql_where=text("finished_at is null"),
        ),
    )

    @property
    def is_running(self) -> bool:
        """Whether it goes on, as far as anybody can tell."""
        return self.finished_at is None and not self.is_lost

    @property
    def is_lost(self) -> bool:
        """Whether nobody is at work on it any longer."""
        return self.finished_at is None and abs(utcnow() - self.seen_at) > LOST_AFTER

    @property
    def was_interrupted(self) -> bool:
        """Whether it ended before its end: the app was stopped or restarted meanwhile."""
        return self.interrupted or self.is_lost
