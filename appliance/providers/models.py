"""What is remembered of providers: their API keys, how long routes take, what several processes share."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import Double, LargeBinary, String, Text, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from appliance.core.db import Base


class ProviderKey(Base):
    """One API key that was entered on the pages or over the API; ``ends_in`` is all that is shown of it.

    ``origin`` is to whom it was entered, and the only place that it is sent to; ``None`` until the
    program starts for the first time after an upgrade from a version that did not keep it.
    """

    __tablename__ = "provider_key"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    provider: Mapped[str] = mapped_column(String(32))
    encrypted: Mapped[bytes] = mapped_column(LargeBinary)
    ends_in: Mapped[str] = mapped_column(String(8))
    origin: Mapped[str | None] = mapped_column(String(320))
    added_by: Mapped[str] = mapped_column(String(64))
    added_at: Mapped[datetime] = mapped_column(server_default=func.now())
    tested_at: Mapped[datetime | None]
    test_outcome: Mapped[str | None] = mapped_column(String(16))
    test_reason: Mapped[str | None] = mapped_column(String(80))


class ModelFact(Base):
    """What a provider said last of one of its models, and when."""

    __tablename__ = "model_fact"

    provider: Mapped[str] = mapped_column(String(32), primary_key=True)
    model: Mapped[str] = mapped_column(String(80), primary_key=True)
    there: Mapped[bool]
    ends_on: Mapped[date | None]
    said_at: Mapped[datetime]


class RouteTiming(Base):
    """The seconds of a route's last pictures and stalls, the newest last."""

    __tablename__ = "route_timing"

    route: Mapped[str] = mapped_column(String(160), primary_key=True)
    seconds: Mapped[list[float]] = mapped_column(ARRAY(Double))
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class ProviderPause(Base):
    """A key or a route that several processes leave alone; see ``pauses.py``. Of a key there is a digest.

    ``set_at`` changes whenever anything does; after ``forget_at`` the row says nothing any more.
    """

    __tablename__ = "provider_pause"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    set_at: Mapped[datetime]
    until: Mapped[datetime]
    forget_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(String(200))
    spent: Mapped[bool]
    since: Mapped[datetime | None]
