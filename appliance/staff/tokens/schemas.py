"""The JSON forms of API tokens. A token itself stands in the answer that made it, and nowhere else."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from appliance.accounts.api_tokens import LONGEST_NAME
from appliance.accounts.permissions import Permission
from appliance.core.clock import Moment
from appliance.core.frozen import FrozenModel, StrictModel

_STAMP = "2026-11-23T18:04:11.203Z"


class NewToken(StrictModel):
    """A token that is to be made."""

    # Letters, digits and what stands between them; no control characters.
    name: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^\w[\w .-]*$")] = Field(
        min_length=1, max_length=LONGEST_NAME, examples=["nightly-report"]
    )
    scopes: list[Permission] = Field(
        min_length=1,
        description="what the token may do; only permissions that you have",
        examples=[["jobs:read"]],
    )
    expires_at: Moment = Field(
        description="when it stops working, at most 366 days ahead", examples=["2027-01-31T00:00:00Z"]
    )


class TokenView(FrozenModel):
    """A token, as far as it is shown."""

    id: uuid.UUID
    name: str = Field(examples=["nightly-report"])
    username: str = Field(description="the account that made it", examples=["serg"])
    ends_in: str = Field(examples=["…x7Qw"])
    scopes: list[str] = Field(examples=[["jobs:read"]])
    created_at: datetime = Field(examples=[_STAMP])
    expires_at: datetime = Field(examples=[_STAMP])
    last_used_at: datetime | None = Field(description="last use, to the minute", examples=[_STAMP])
    last_used_from: str = Field(description="the client's address", examples=["192.168.1.20"])


class MadeToken(TokenView):
    """A token that was just made."""

    token: str = Field(description="the token; never shown again", examples=["pct_…"])


class TokenList(FrozenModel):
    """Every token, the newest first."""

    tokens: list[TokenView]
