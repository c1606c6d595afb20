"""Which setting stands in which section of the settings' pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from appliance.core.files import LOW_DISK_BYTES
from appliance.media.store import ROOM_OF_A_PHOTO

Kind = Literal[
    "number",
    "text",
    "switch",
    "by_provider",
    "languages",
    "logo",
    "connections",
    "lines",
    "choice",
    "default_models",
    "hidden_models",
]
PERMITS_BY_NAME = "provider_permits_by_name"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its name is the operator setting's; label and help are ``settings.{name}.…``."""

    name: str
    kind: Kind = "number"
    unit: str = ""
    step: str = "1"
    said: Mapping[str, int] = field(default_factory=dict)  # values in its help


@dataclass(frozen=True, slots=True)
class Section:
    """A form of its own; its title and text are ``settings.section.{key}.…``."""

    key: str
    icon: str
    settings: tuple[Setting, ...] = ()
    page: str = ""  # the one below the settings on which it stands; empty: the page of all settings


SECTIONS = (
    Section("password", "key"),
    Section("keys", "plug"),
    Section(
        "event",
        "ticket",
        (
            Setting("event_title", "text"),
            Setting("event_logo", "logo"),
            Setting("public_base_url", "text"),
        ),
    ),
    Section(
        "guests",
        "pictures",
        (
            Setting("guest_languages", "languages"),
            Setting("short_links", "switch"),
            Setting("guests_may_delete", "switch"),
            Setting("visit_field", "text"),
            Setting("visit_pause_seconds", unit="seconds", step="any"),
            Setting("keep_sources_hours", unit="hours", step="any"),
        ),
    ),
    Section(
        "ai",
        "info",
        (
            Setting("ai_rules", "choice"),
            Setting("mark_ai_made", "switch"),
            Setting("show_ai_sign", "switch"),
            Setting("ai_sign_corner", "choice"),
            Setting("ai_sign_percent", unit="percent"),
            Setting("mark_ai_words", "text"),
        ),
    ),
    Section("timing", "clock", (Setting("sync_response_seconds", unit="seconds", step="any"),)),
    Section(
        "keeping",
        "hourglass",
        (
            Setting("result_ttl_hours", unit="hours", step="any"),
            Setting("keep_answers_days", unit="days", step="any"),
            Setting("keep_history_days", unit="days"),
            Setting(
                "low_disk_mb",
                unit="megabytes",
                said={"least": round(LOW_DISK_BYTES / 10**6), "each": round(ROOM_OF_A_PHOTO / 10**6)},
            ),
            Setting("free_space_when_low", "switch"),
        ),
    ),
    Section("backups", "backups", (Setting("backup_hint", "text"),)),
    Section(
        "limits",
        "ruler",
        (
            Setting("max_upload_mb", unit="megabytes", step="any"),
            Setting("max_pixels_mp", unit="megapixels", step="any"),
            Setting("idempotency_window_seconds", unit="seconds", step="any"),
        ),
    ),
    Section(
        "permits",
        "lanes",
        (
            Setting("slot_permits", unit="photos"),
            Setting("provider_permits", unit="photos"),
            Setting(PERMITS_BY_NAME, "by_provider", unit="photos"),
        ),
    ),
    Section(
        "models",
        "sparkles",
        (
            Setting("default_models", "default_models"),
            Setting("hidden_models", "hidden_models"),
            Setting("added_models", "lines"),
        ),
    ),
    Section(
        "connections",
        "link",
        (Setting("providers", "connections"), Setting("provider_media_base_url", "text")),
    ),
    Section(
        "alerts",
        "bell",
        (
            Setting("alert_late_percent", unit="percent", step="any"),
            Setting("alert_deadline_percent", unit="percent", step="any"),
            Setting("alert_silent_minutes", unit="minutes"),
            Setting("alert_budget", unit="money", step="any"),
            Setting("alert_repeat_minutes", unit="minutes"),
            Setting("alert_event_only", "switch"),
            Setting("alert_start_quiet_seconds", unit="seconds"),
        ),
        page="alerts",
    ),
    Section(
        "alive",
        "pulse",
        (
            Setting("alive_event_url", "text"),
            Setting("alive_backup_url", "text"),
            Setting("alive_cleanup_url", "text"),
        ),
        page="alerts",
    ),
)
