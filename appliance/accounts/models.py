"""Administrators, their sessions, and what they did."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, LargeBinary, String, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from appliance.core.db import Base


class Account(Base):
    """Someone who may log in. A new ``token_version`` ends every session."""

    __tablename__ = "account"

    username: Mapped[str] = mapped_column(String(64), primary_key=True)
    password_hash: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(32))
    permissions: Mapped[list[str]] = mapped_column(ARRAY(String(64)))
    must_change_password: Mapped[bool] = mapped_column(default=True, server_default="true")
    token_version: Mapped[int] = mapped_column(default=1, server_default="1")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class LoginSession(Base):
    """One login of one account, from the password to the log-out.

    ``network`` is where it began, as the throttle sees it. Of the refresh token only the SHA-256
    is kept; ``rotation_key`` turns a secret into the next one (see ``accounts/sessions.py``).
    """

    __tablename__ = "login_session"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    username: Mapped[str] = mapped_column(ForeignKey("account.username", ondelete="CASCADE"))
    token_version: Mapped[int]
    network: Mapped[str] = mapped_column(String(64))
    refresh_hash: Mapped[str] = mapped_column(String(64))
    rotation_key: Mapped[bytes] = mapped_column(LargeBinary)
    # No longer written or read; dropped once no version that does can run beside this one.
    rotations: Mapped[int] = mapped_column(server_default="0", deferred=True)
    rotated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None] = mapped_column(String(32))

    __table_args__ = (Index("ix_login_session_username_network", "username", "network"),)


class ApiToken(Base):
    """A key for scripts that an account made: only its SHA-256 is kept. ``made_with`` is the token by
    which it was made, if not by hand: it ends with that one.
    """

    __tablename__ = "api_token"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    name: Mapped[str] = mapped_column(String(22))
    username: Mapped[str] = mapped_column(ForeignKey("account.username", ondelete="CASCADE"))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    ends_in: Mapped[str] = mapped_column(String(8))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String(64)))
    made_with: Mapped[uuid.UUID | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    last_used_from: Mapped[str] = mapped_column(String(64), default="", server_default="")


class AuditLog(Base):
    """One change or login: who, what, from where, from which value to which. Never a secret."""

    __tablename__ = "audit_log"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    actor: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(120), default="", server_default="")
    address: Mapped[str] = mapped_column(String(64), default="", server_default="")
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")

    __table_args__ = (Index("ix_audit_log_at", "at"),)
