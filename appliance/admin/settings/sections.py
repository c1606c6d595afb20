"""The settings page as data: how a section is filled in and typed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from appliance.admin.forms import Form
from appliance.admin.settings.section_list import SECTIONS, Section, Setting
from appliance.core.language import languages
from appliance.providers.registry import BUILDERS, DEFAULT_URLS
from appliance.settings.operator import OperatorSettings
from appliance.staff.settings.schemas import SettingsState

BY_KEY: Mapping[str, Section] = {section.key: section for section in SECTIONS}
REMOTE = tuple(sorted(DEFAULT_URLS))  # the providers that are reached by an address
TRANSPORTS = {"turbotext": ("url", "upload")}  # how pictures get there, where there is a choice
_SCHEMA: Mapping[str, Any] = OperatorSettings.model_json_schema()["properties"]


@dataclass(frozen=True, slots=True)
class SettingInput:
    """A setting as it stands in its form."""

    setting: Setting
    value: str
    error: str | None = None
    in_force: tuple[str, Mapping[str, str]] | None = None  # where it differs from what was typed in
    updated_by: str | None = None
    updated_at: datetime | None = None
    values: Mapping[str, str] = field(default_factory=dict)  # of a setting that has several, by name
    errors: Mapping[str, str] = field(default_factory=dict)
    version: int = 0  # of the value that was shown last

    @property
    def minimum(self) -> str:
        return _limit(self.setting.name, "minimum", "exclusiveMinimum")

    @property
    def maximum(self) -> str:
        return _limit(self.setting.name, "maximum", "exclusiveMaximum")

    @property
    def choices(self) -> list[str]:
        """What may be chosen, in order."""
        return list(_SCHEMA[self.setting.name].get("enum", ()))

    @property
    def longest(self) -> str:
        return _limit(self.setting.name, "maxLength")


@dataclass(frozen=True, slots=True)
class FilledSection:
    """A section with its inputs."""

    section: Section
    inputs: list[SettingInput]
    conflict: bool = False

    @property
    def key(self) -> str:
        return self.section.key

    @property
    def changed_by(self) -> str | None:
        """Who changed one of its settings last."""
        changed = [(one.updated_at, one.updated_by) for one in self.inputs if one.updated_at]
        return max(changed)[1] if changed else None


def _limit(name: str, *words: str) -> str:
    """A limit of the setting's own model, for the browser to check while somebody types."""
    schema = _SCHEMA.get(name, {})
    choices = (schema, *schema.get("anyOf", ()))
    return next((plain(choice[word]) for choice in choices for word in words if word in choice), "")


def plain(value: Any) -> str:
    """A setting's value as it is typed."""
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value)


def filled(
    section: Section,
    state: SettingsState,
    *,
    typed: Form | None = None,
    fields: Mapping[str, str] | None = None,
    conflict: bool = False,
) -> FilledSection:
    """A section as it stands, or as it was typed in, with the findings of the services."""
    found = fields or {}
    seen = seen_versions(section, typed) if typed is not None and not conflict else {}
    inputs = []
    for setting in section.settings:
        known = state.settings[setting.name]
        value, values = _as_typed(setting, typed) if typed is not None else _as_it_is(setting, known.value)
        now = _as_it_is(setting, known.value)
        inputs.append(
            SettingInput(
                setting,
                value,
                error=found.get(setting.name),
                in_force=now if conflict and now != (value, values) else None,
                updated_by=known.updated_by,
                updated_at=known.updated_at,
                values=values,
                errors={
                    name.removeprefix(f"{setting.name}."): text
                    for name, text in found.items()
                    if name.startswith(f"{setting.name}.")
                },
                version=seen.get(setting.name, known.version),
            )
        )
    return FilledSection(section, inputs, conflict)


def seen_versions(section: Section, form: Form) -> dict[str, int]:
    """The version of each setting as it was when ``form`` was shown."""
    posted = {setting.name: form.text(f"version.{setting.name}") for setting in section.settings}
    return {name: int(text) for name, text in posted.items() if text.isdecimal()}


# Parts of a connection that not every provider has.
_ONLY_OF = {"transport": tuple(TRANSPORTS), "api_version": ("gemini",)}


def _as_it_is(setting: Setting, value: Any) -> tuple[str, dict[str, str]]:
    """A setting's value as its inputs show it, and its values by name where it has several."""
    match setting.kind:
        case "by_provider":
            known = value or {}
            return "", {name: plain(known.get(name)) for name in sorted({*BUILDERS, *known})}
        case "languages":
            chosen = list(value or ())
            return (chosen[0] if chosen else ""), {
                code: "on" if code in chosen else "" for code in languages("guests")
            }
        case "connections":
            known = value or {}
            return "", {
                f"{name}.{part}": plain(known.get(name, {}).get(part))
                for name in REMOTE
                for part in ("base_url", "transport", "api_version")
                if name in _ONLY_OF.get(part, REMOTE)
            }
        case "default_models" | "hidden_models":
            return "", _models_as_they_are(value or {})
        case "switch":
            return "on" if value else "", {}
        case _:
            return plain(value), {}


def _as_typed(setting: Setting, form: Form) -> tuple[str, dict[str, str]]:
    """The same, as somebody typed it in."""
    match setting.kind:
        case "hidden_models":
            return "", dict.fromkeys(form.every(setting.name), "on")
        case "by_provider" | "connections" | "default_models":
            prefix = f"{setting.name}."
            return "", {
                name.removeprefix(prefix): form.text(name) for name in form if name.startswith(prefix)
            }
        case "languages":
            chosen = form.every(setting.name)
            return form.text(f"{setting.name}.first"), {
                code: "on" if code in chosen else "" for code in languages("guests")
            }
        case _:
            return form.text(setting.name), {}


def typed_values(section: Section, form: Form, state: SettingsState) -> dict[str, Any]:
    """What was typed in, as the settings' own model takes it; what has no input stays as it is."""
    return {
        setting.name: _typed_value(setting, form, state.settings[setting.name].value)
        for setting in section.settings
    }


def _typed_value(setting: Setting, form: Form, now: Any) -> Any:
    value, values = _as_typed(setting, form)
    match setting.kind:
        case "by_provider" | "default_models":
            return {name: text for name, text in values.items() if text}
        case "languages":
            ticked = [code for code, mark in values.items() if mark] or (list(values) if value else [])
            chosen = {*ticked, value} & values.keys()
            return sorted(chosen, key=lambda code: (code != value, code))
        case "connections" | "hidden_models":
            return _hidden(values) if setting.kind == "hidden_models" else _connections(values, now or {})
        case "switch":
            return value == "on"
        case "number":
            return value.replace(",", ".")
        case _:
            return value or (None if _may_be_missing(setting.name) else "")


def _may_be_missing(name: str) -> bool:
    return any(choice.get("type") == "null" for choice in _SCHEMA[name].get("anyOf", ()))


def _models_as_they_are(value: Mapping[str, str | list[str]]) -> dict[str, str]:
    """By provider its usual model, or each hidden one by provider and name."""
    found = {}
    for provider, models in value.items():
        if isinstance(models, str):
            found[provider] = models
        else:
            found |= {f"{provider}.{model}": "on" for model in models}
    return found


def _hidden(values: Mapping[str, str]) -> dict[str, list[str]]:
    """The models that were ticked, by provider."""
    found: dict[str, list[str]] = {}
    for name in values:
        provider, _, model = name.partition(".")
        found.setdefault(provider, []).append(model)
    return found


def _connections(values: Mapping[str, str], now: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Each provider's connection with what was typed, without those that say nothing."""
    found = {name: dict(connection) for name, connection in now.items()}
    for name, text in values.items():
        provider, _, part = name.partition(".")
        found.setdefault(provider, {})[part] = text or None
    return {name: connection for name, connection in found.items() if any(connection.values())}
