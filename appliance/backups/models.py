"""The tables of backups: the one target beside this machine, and the proofs that a backup can be restored."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, LargeBinary, String, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from appliance.core.db import Base


class BackupTarget(Base):
    """Where backups go (there is at most one row), and how far that has come.

    ``held``: nothing is sent, since the target belongs to another machine until somebody says otherwise.
    """

    __tablename__ = "backup_target"

    id: Mapped[int] = mapped_column(primary_key=True)
    address: Mapped[dict[str, Any]]
    encrypted: Mapped[bytes | None] = mapped_column(LargeBinary)
    host_key: Mapped[str | None] = mapped_column(Text)
    marker: Mapped[str] = mapped_column(String(64))
    held: Mapped[bool] = mapped_column(default=False)
    same_disk: Mapped[bool] = mapped_column(default=False)
    keep: Mapped[int]
    most_kilobytes: Mapped[int | None]
    set_by: Mapped[str] = mapped_column(String(64))
    set_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # No longer written or read; dropped once no version that does can run beside this one.
    tested_at: Mapped[datetime | None] = mapped_column(deferred=True)
    sent_at: Mapped[datetime | None]
    sent_name: Mapped[str | None] = mapped_column(String(80))
    sent_size: Mapped[int | None] = mapped_column(BigInteger)
    tried_at: Mapped[datetime | None]
    failure: Mapped[str | None] = mapped_column(String(32))
    failure_detail: Mapped[str | None] = mapped_column(String(300))
    failing_since: Mapped[datetime | None]
    step: Mapped[str | None] = mapped_column(String(16))
    step_done: Mapped[int | None] = mapped_column(BigInteger)
    step_total: Mapped[int | None] = mapped_column(BigInteger)
    step_at: Mapped[datetime | None]


class BackupProof(Base):
    """What came of restoring one backup into a database that is thrown away."""

    __tablename__ = "backup_proof"
    __table_args__ = (Index("ix_backup_proof_at", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    ok: Mapped[bool]
    name: Mapped[str] = mapped_column(String(80))
    from_target: Mapped[bool]
    made_at: Mapped[datetime | None]
    made_by_version: Mapped[str | None] = mapped_column(String(40))
    rows: Mapped[int]
    pictures: Mapped[int]
    compared: Mapped[int]
    seconds: Mapped[float]
    problem: Mapped[str | None] = mapped_column(String(300))
    problem_said: Mapped[dict[str, Any] | None]  # the same as a message, for every language
