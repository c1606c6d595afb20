"""What each machine last said of itself."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from appliance.core.db import Base


class Node(Base):
    """One machine: ``number`` 1 has the database and Nginx.

    ``host`` is the container's name. ``mark`` is what it wrote into the shared folder, ``secrets`` a digest
    of what must be the same everywhere. ``problem``: why it takes no photos, a code of ``preflight.node.*``.
    ``ended``: it went with a word, or the others have noticed that it is gone. Times are the database's.
    """

    __tablename__ = "node"

    number: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    host: Mapped[str] = mapped_column(String(80))
    mark: Mapped[str] = mapped_column(String(32))
    version: Mapped[str] = mapped_column(String(80))
    secrets: Mapped[str] = mapped_column(String(64))
    clock_ahead: Mapped[float | None]
    database_ms: Mapped[float | None]
    problem: Mapped[str | None] = mapped_column(String(40))
    ended: Mapped[bool]
    seen_at: Mapped[datetime]
