"""How long each route takes, remembered across restarts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Double, String, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from appliance.core.db import Base


class RouteTiming(Base):
    """The seconds of a route's last successful attempts, the newest last."""

    __tablename__ = "route_timing"

    route: Mapped[str] = mapped_column(String(160), primary_key=True)
    seconds: Mapped[list[float]] = mapped_column(ARRAY(Double))
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
