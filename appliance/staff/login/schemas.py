"""The JSON forms of a login and a session."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field, SecretStr

from appliance.core.frozen import FrozenModel

_PERMISSIONS = [["settings:read", "settings:write", "slots:read", "slots:write"]]
_MAX_PASSWORD_CHARS = 1024  # far more than bcrypt takes; refused before it costs anything


class LoginRequest(FrozenModel):
    """Who wants to log in."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"username": "serg", "password": "k7mq-x3np-c8vw-r2td"}]}
    )

    username: str = Field(min_length=1, max_length=64)
    password: SecretStr = Field(min_length=1, max_length=_MAX_PASSWORD_CHARS)


class PasswordChange(FrozenModel):
    """One's own new password."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"current_password": "k7mq-x3np-c8vw-r2td", "new_password": "rain on the tent roof"}]
        },
    )

    current_password: SecretStr = Field(min_length=1, max_length=_MAX_PASSWORD_CHARS)
    new_password: SecretStr = Field(
        min_length=1,
        max_length=_MAX_PASSWORD_CHARS,
        description="at least 10 characters, at most 72 bytes; must not contain the user name",
    )


class AccessGrant(FrozenModel):
    """An access token. The refresh token comes beside it as an `HttpOnly` cookie."""

    access_token: str = Field(
        description="send it as `Authorization: Bearer …`", examples=["eyJhbGciOiJIUzI1NiIs…"]
    )
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a word of the protocol
    expires_in: int = Field(description="seconds until the access token expires", examples=[900])
    permissions: list[str] = Field(examples=_PERMISSIONS)
    must_change_password: bool = Field(
        description="whether the password is still the one generated at the first start"
    )


class Me(FrozenModel):
    """Who is logged in."""

    username: str = Field(examples=["serg"])
    role: str = Field(examples=["administrator"])
    permissions: list[str] = Field(examples=_PERMISSIONS)
    must_change_password: bool
