"""The JSON forms of the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class AuditEntry(BaseModel):
    """One change or login."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: int = Field(examples=[812])
    at: datetime
    actor: str = Field(
        description="an account; `unknown` where no account was named, `cli`, `seed`", examples=["serg"]
    )
    action: str = Field(examples=["settings.changed"])
    subject: str = Field(description="what was changed, where the action does not say", examples=[""])
    address: str = Field(description="the client's address; empty on the machine itself")
    detail: dict[str, Any] = Field(
        description="what changed from and to; for passwords only that they changed",
        examples=[{"changes": {"result_ttl_hours": {"from": 72, "to": 48}}}],
    )


class AuditList(BaseModel):
    """A page of the audit log, the newest entry first."""

    model_config = ConfigDict(frozen=True)

    entries: list[AuditEntry]
    next_cursor: int | None = Field(description="send it as `cursor` for the next page; `null`: that was all")
