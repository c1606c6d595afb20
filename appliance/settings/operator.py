"""What an operator may change: rows of ``app_settings``, in effect at once everywhere (on guests' pages
within a second).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import structlog
from pydantic import Field
from sqlalchemy import String, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.orm import Mapped, mapped_column

from appliance.core.db import Base, Database, Repository
from appliance.core.frozen import StrictModel
from appliance.core.validation import as_far_as_known
from appliance.core.web_address import LONGEST, BaseAddress, SecretPlace

log = structlog.get_logger()

USUAL_PERMITS = {"comfyui": 1}  # one graphics card works on one picture at a time
INGEST_PASSWORD = "ingest_password"  # noqa: S105 - the row's key


class AppSetting(Base):
    """One setting: a key and a JSON value, with who changed it last."""

    __tablename__ = "app_settings"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[Any] = mapped_column(JSONB)
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    updated_by: Mapped[str] = mapped_column(String(64))
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class ProviderConnection(StrictModel):
    """Where and how a provider is reached; what is not said is the provider's own default."""

    base_url: SecretPlace | None = Field(
        default=None,
        max_length=LONGEST,
        description="address of a proxy or stand-in; must be https outside this machine and its local "
        "network",
    )
    transport: Literal["url", "upload"] | None = Field(
        default=None, description="how Turbotext gets pictures: by address or as uploads"
    )
    api_version: str | None = Field(
        default=None, pattern=r"^v[1-9][a-z0-9]{0,10}$", description="version of Gemini's API, such as v1beta"
    )
    models: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="models added before the setting `added_models` existed; still read, but no longer "
        "written",
    )


class OperatorSettings(StrictModel):
    """The typed view of ``app_settings``; also the ``[defaults]`` of ``config/appliance.toml``."""

    sync_response_seconds: float = Field(
        default=48,
        ge=10,
        le=60,
        description="T_sync_response: seconds from a request's first byte to its answer",
    )
    result_ttl_hours: float = Field(default=72, gt=0, le=24 * 90, description="hours a result is kept")
    max_upload_mb: float = Field(
        default=20, ge=1, le=20, description="largest photo, in MB of 1,000,000 bytes"
    )
    max_pixels_mp: float = Field(default=60, ge=1, le=200, description="largest photo, in millions of pixels")
    slot_permits: int = Field(
        default=2, ge=1, le=50, description="photos that one slot processes at the same time"
    )
    provider_permits: int = Field(
        default=15, ge=1, le=200, description="photos that are sent to one provider at the same time"
    )
    provider_permits_by_name: dict[str, Annotated[int, Field(ge=1, le=200)]] = Field(
        default_factory=dict,
        description="limits for single providers in place of `provider_permits`, by name",
    )
    idempotency_window_seconds: float = Field(
        default=0,
        ge=0,
        le=3600,
        description="seconds within which the same photo sent to the same slot counts as one job; 0: off",
    )
    keep_sources_hours: float = Field(
        default=0,
        ge=0,
        le=24 * 30,
        description="hours a guest's own photo is kept, so that its job can be run again; 0: not at all",
    )
    keep_answers_days: float = Field(
        default=0,
        ge=0,
        le=3650,
        description="days for which the data that a booth sent with a photo is kept (names, addresses, "
        "survey answers); 0: as long as the picture",
    )
    keep_history_days: int = Field(
        default=400,
        ge=100,
        le=3650,
        description="days after which a job is removed from the history and statistics",
    )
    low_disk_mb: int = Field(
        default=2000,
        ge=300,
        le=10_000_000,
        description="free space in MB below which results past half their lifetime are offered for removal",
    )
    free_space_when_low: bool = Field(
        default=False, description="remove those results without asking, as few as necessary"
    )
    providers: dict[str, ProviderConnection] = Field(
        default_factory=dict, description="how to reach providers, by provider"
    )
    default_models: dict[str, Annotated[str, Field(max_length=80)]] = Field(
        default_factory=dict, description="model of slots that name none, by provider"
    )
    hidden_models: dict[str, list[Annotated[str, Field(max_length=80)]]] = Field(
        default_factory=dict, description="models that are no longer offered, by provider"
    )
    added_models: str = Field(
        default="",
        max_length=20_000,
        description="models to add, or new facts about existing ones, in TOML like `site/models.toml`",
    )
    provider_media_base_url: BaseAddress | None = Field(
        default=None,
        max_length=LONGEST,
        description="base address that the internet can reach, for providers that fetch pictures by address",
    )
    event_title: str = Field(
        default="", max_length=120, description="title printed on frames and shown to guests"
    )
    backup_hint: str = Field(
        default="", max_length=200, description="where the backups' passphrase is kept, for the emergency kit"
    )
    event_logo: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
        description="id of the template that guests see above their pictures",
    )
    public_base_url: BaseAddress | None = Field(
        default=None,
        max_length=LONGEST,
        description="base of the links guests get; without it, the deployment's",
    )
    guest_languages: list[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]] = Field(
        default_factory=list, description="languages that guests may choose from; the first is the default"
    )
    guests_may_delete: bool = Field(default=False, description="guests may delete their own pictures")
    short_links: bool = Field(
        default=False, description="give pictures short links, and codes that can be typed"
    )
    visit_field: str = Field(
        default="eventkitesessionid",
        max_length=64,
        description="camera field that is the same for all pictures of one visit; empty: none",
    )
    visit_pause_seconds: float = Field(
        default=0,
        ge=0,
        le=3600,
        description="longest pause, in seconds, between pictures of one booth and slot that count as "
        "one visit; 0: off",
    )
    ai_rules: Literal["eu", "kazakhstan", "elsewhere"] = Field(
        default="eu",
        description="law that decides how AI-made pictures are marked; `elsewhere`: the operator decides",
    )
    mark_ai_made: bool = Field(default=True, description="mark AI-made pictures as such in their metadata")
    show_ai_sign: bool = Field(
        default=True,
        description="show a small sign on AI-made pictures on guests' pages, galleries and walls",
    )
    ai_sign_corner: Literal["top-left", "top-right", "bottom-left", "bottom-right"] = Field(
        default="bottom-left", description="corner in which the sign is shown"
    )
    ai_sign_percent: int = Field(
        default=4, ge=3, le=12, description="height of the sign's letters, in percent of the picture's width"
    )
    mark_ai_words: str = Field(
        default="",
        max_length=40,
        description="words printed in small letters in a corner of AI-made pictures; empty: none",
    )

    alert_repeat_minutes: int = Field(
        default=30,
        ge=0,
        le=24 * 60,
        description="minutes after which an alert about what stops photos is sent again; 0: never",
    )
    alert_event_only: bool = Field(default=False, description="send alerts only while an event runs")
    alert_start_quiet_seconds: int = Field(
        default=120, ge=0, le=900, description="seconds after a start during which no alert is sent"
    )
    alert_late_percent: float = Field(
        default=5, ge=0, le=100, description="percent of failed and late photos that opens an issue; 0: off"
    )
    alert_deadline_percent: float = Field(
        default=80,
        ge=0,
        le=100,
        description="percent of the deadline that the slowest photos may take before an issue opens; 0: off",
    )
    alert_silent_minutes: int = Field(
        default=20,
        ge=0,
        le=24 * 60,
        description="minutes without a photo during an event that open an issue; 0: off",
    )
    alert_budget: float = Field(
        default=0, ge=0, le=1_000_000, description="cost of 24 hours that opens an issue; 0: off"
    )
    alive_event_url: SecretPlace | None = Field(
        default=None, max_length=LONGEST, description="address pinged every minute while an event runs"
    )
    alive_backup_url: SecretPlace | None = Field(
        default=None, max_length=LONGEST, description="address pinged before and after each backup"
    )
    alive_cleanup_url: SecretPlace | None = Field(
        default=None, max_length=LONGEST, description="address pinged before and after each cleanup"
    )

    @property
    def marks_ai_files(self) -> bool:
        """Whether files of pictures that AI made say so; the law of some places leaves no choice."""
        return self.ai_rules != "elsewhere" or self.mark_ai_made

    @property
    def shows_ai_sign(self) -> bool:
        """Whether guests see a sign on such pictures; likewise."""
        return self.ai_rules != "elsewhere" or self.show_ai_sign

    @property
    def max_upload_bytes(self) -> int:
        """The largest photo in bytes."""
        return int(self.max_upload_mb * 1_000_000)

    @property
    def max_pixels(self) -> int:
        """The largest photo in pixels."""
        return int(self.max_pixels_mp * 1_000_000)

    @property
    def low_disk_bytes(self) -> int:
        """Free space below which the operator is told."""
        return self.low_disk_mb * 1_000_000

    def permits_of(self, provider: str) -> int:
        """How many photos ``provider`` may work on at the same time."""
        usual = USUAL_PERMITS.get(provider, self.provider_permits)
        return self.provider_permits_by_name.get(provider, usual)


def readable_settings(values: Mapping[str, Any]) -> OperatorSettings:
    """Stored settings as far as this version can read them."""
    settings, left_out = as_far_as_known(OperatorSettings, values)
    if left_out:
        log.warning("settings.left_out", names=left_out)
    return settings


# One value for all: 43 rows took a third of a photo's or a page's time for the database.
_ALL_VALUES = select(func.jsonb_object_agg(AppSetting.key, AppSetting.value)).where(
    AppSetting.key == any_(bindparam("names", type_=ARRAY(String)))
)


class AppSettingsRepository(Repository):
    """Reads and writes ``app_settings`` inside the caller's session."""

    async def operator_settings(self) -> OperatorSettings:
        """The settings in force; what has no row has its default, and so has what cannot be read because
        a newer version wrote it: no photo is refused over that.
        """
        values = await self._session.scalar(_ALL_VALUES, {"names": list(OperatorSettings.model_fields)})
        return readable_settings(values or {})

    async def logo(self) -> uuid.UUID | None:
        """The template media that is the event's logo."""
        row = await self.get("event_logo")
        return uuid.UUID(row.value) if row and row.value else None

    async def get(self, key: str) -> AppSetting | None:
        """One row, or ``None``."""
        return await self._session.get(AppSetting, key)

    async def put(self, key: str, value: Any, *, by: str) -> None:
        """Set a value, whether or not there was one."""
        statement = insert(AppSetting).values(key=key, value=value, updated_by=by)
        await self._session.execute(
            statement.on_conflict_do_update(
                index_elements=[AppSetting.key],
                set_={
                    "value": statement.excluded.value,
                    "updated_by": statement.excluded.updated_by,
                    "updated_at": func.now(),
                    "version": AppSetting.version + 1,
                },
            )
        )

    async def insert_missing(self, values: dict[str, Any], *, by: str) -> list[str]:
        """Insert the keys that have no row yet; returns those that were inserted."""
        if not values:
            return []
        rows = await self._session.scalars(
            insert(AppSetting)
            .values([{"key": key, "value": value, "updated_by": by} for key, value in values.items()])
            .on_conflict_do_nothing()
            .returning(AppSetting.key)
        )
        return sorted(rows)


class SettingsReader:
    """Reads the settings in force in a session of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def operator_settings(self) -> OperatorSettings:
        """The settings in force."""
        async with self._database.session() as session:
            return await AppSettingsRepository(session).operator_settings()
