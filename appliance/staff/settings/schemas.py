"""The JSON forms of the settings."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, SecretStr, field_validator

from appliance.core.frozen import FrozenModel, StrictModel
from appliance.core.language import Message
from appliance.core.openapi import without_defaults
from appliance.core.passwords import MAX_PASSWORD_BYTES
from appliance.core.validation import at_least_characters, at_most_bytes
from appliance.ingest.credentials import MIN_PASSWORD_CHARS
from appliance.settings.operator import OperatorSettings

LONGEST_OVERLAP_MINUTES = 24 * 60

_STAMP = "2026-11-23T18:04:11.203Z"


class NewIngestPassword(StrictModel):
    """What the booths are to send from now on."""

    password: SecretStr = Field(
        description="at least 10 characters, at most 72 bytes, without spaces at either end"
    )
    previous_valid_minutes: float | None = Field(
        default=None,
        ge=0,
        le=LONGEST_OVERLAP_MINUTES,
        description="how long the old password is still accepted, so that booths can be changed one by one",
    )

    @field_validator("password")
    @classmethod
    def _can_be_typed(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if len(text) < MIN_PASSWORD_CHARS:
            raise ValueError(at_least_characters(MIN_PASSWORD_CHARS))
        if len(text.encode()) > MAX_PASSWORD_BYTES:
            raise ValueError(at_most_bytes(MAX_PASSWORD_BYTES))
        if text != text.strip() or not text.isprintable():
            raise ValueError(Message("must have no spaces at either end and only visible characters"))
        return value


def _from_text(value: Any) -> Any:
    return {"password": value} if isinstance(value, str) else value


class SettingsUpdate(OperatorSettings):
    """Any of the settings; what is left out stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=without_defaults)

    ingest_password: Annotated[
        NewIngestPassword | None,
        BeforeValidator(_from_text, json_schema_input_type=str | NewIngestPassword | None),
    ] = Field(
        default=None,
        description="a string, or an object that also says how long the old password stays valid",
    )
    previous_valid_minutes: float | None = Field(
        default=None,
        ge=0,
        le=LONGEST_OVERLAP_MINUTES,
        description="how long the old password stays valid, if the new one is given as a string",
    )
    apply_to_existing: bool = Field(
        default=False,
        description="with `result_ttl_hours`: apply the new TTL to existing results too",
    )
    version: int | None = Field(
        default=None, ge=0, description="version on which this update is based; an outdated one gives 409"
    )

    def changes(self) -> dict[str, Any]:
        """The operator settings that were given, as JSON values."""
        given = self.model_fields_set & set(OperatorSettings.model_fields)
        return self.model_dump(mode="json", include=given)

    def overlap_minutes(self) -> float:
        """How long the old ingest password stays valid."""
        inner = self.ingest_password.previous_valid_minutes if self.ingest_password else None
        return inner if inner is not None else self.previous_valid_minutes or 0


class SettingState(FrozenModel):
    """One setting, and who changed it last."""

    value: Any = Field(examples=[72])
    description: str = Field(examples=["hours a result is kept"])
    updated_by: str | None = Field(description="`null`: the setting has its default", examples=["serg"])
    updated_at: datetime | None = Field(examples=[_STAMP])
    version: int = Field(description="0: the setting was never changed", examples=[3])


class IngestPasswordState(FrozenModel):
    """The ingest password is never shown, only who set it and when."""

    is_set: bool = Field(description="without a password, ingest accepts nothing")
    updated_by: str | None = Field(examples=["serg"])
    updated_at: datetime | None = Field(examples=[_STAMP])
    previous_valid_until: datetime | None = Field(
        description="until when the previous password is accepted", examples=[None]
    )


class SettingsState(FrozenModel):
    """All settings an operator may change."""

    version: int = Field(description="increases with every change of any setting", examples=[17])
    updated_by: str | None = Field(description="who made the last change", examples=["serg"])
    updated_at: datetime | None = Field(examples=[_STAMP])
    ingest_password: IngestPasswordState
    settings: dict[str, SettingState] = Field(description="settings by name, as in `PUT`")


class SuggestedPassword(FrozenModel):
    """A password that can be read aloud; nothing was changed and nothing remembers it."""

    password: str = Field(examples=["k7mq-x3np-c8vw-r2td"])


class Expiries(FrozenModel):
    """How many of the results that are there would be gone when; each is counted once."""

    at_once: int = Field(examples=[0])
    within_an_hour: int = Field(examples=[4])
    within_a_day: int = Field(examples=[120])
    within_a_week: int = Field(examples=[310])
    later: int = Field(examples=[0])
    first: datetime | None = Field(examples=[_STAMP])
    last: datetime | None = Field(examples=[_STAMP])


class TtlPreview(FrozenModel):
    """What another TTL would do to the results that are there."""

    hours: float = Field(examples=[24])
    existing_results: int = Field(examples=[434])
    as_they_are: Expiries = Field(
        description="without `apply_to_existing`: existing results keep their expiry times"
    )
    applied: Expiries = Field(description="with `apply_to_existing`: existing results get the new TTL")
