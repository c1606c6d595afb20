"""The JSON forms of the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from appliance.core.frozen import FrozenModel
from appliance.core.openapi import NEXT_CURSOR


class AuditEntry(FrozenModel):
    """One change or login."""

    id: int = Field(examples=[812])
    at: datetime
    actor: str = Field(
        description="name of an account, or `unknown` (none was given), `cli` or `seed`", examples=["serg"]
    )
    action: str = Field(examples=["settings.changed"])
    subject: str = Field(description="what was changed, unless the action says so", examples=[""])
    address: str = Field(description="the client's address; empty for actions on the machine itself")
    detail: dict[str, Any] = Field(
        description="old and new values; for passwords, only that they changed",
        examples=[{"changes": {"result_ttl_hours": {"from": 72, "to": 48}}}],
    )


class AuditList(FrozenModel):
    """A page of the audit log, the newest entry first."""

    entries: list[AuditEntry]
    next_cursor: int | None = Field(description=NEXT_CURSOR)
