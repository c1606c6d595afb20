"""Administrators, what they did, and how often a thing was tried."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Identity, Index, String, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from appliance.core.db import Base


class Account(Base):
    """Someone who may log in."""

    __tablename__ = "account"

    username: Mapped[str] = mapped_column(String(64), primary_key=True)
    password_hash: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(32))
    permissions: Mapped[list[str]] = mapped_column(ARRAY(String(64)))
    must_change_password: Mapped[bool] = mapped_column(default=True, server_default="true")
    token_version: Mapped[int] = mapped_column(default=1, server_default="1")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class AuditLog(Base):
    """One change or login: who, what, from where, from which value to which. Never a secret."""

    __tablename__ = "audit_log"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    actor: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(120), default="", server_default="")
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")

    __table_args__ = (Index("ix_audit_log_at", "at"),)


class RateBucket(Base):
    """A token bucket: how many tries a key has left, refilled as time passes."""

    __tablename__ = "rate_bucket"

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    tokens: Mapped[float]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
