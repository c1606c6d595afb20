"""``config/appliance.toml``: read, checked whole, every problem named by line and key."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from appliance.accounts.permissions import Permission
from appliance.core.errors import ValidationFailed
from appliance.core.frozen import StrictModel
from appliance.core.validation import as_far_as_known
from appliance.providers.catalogue import Layer, shipped
from appliance.providers.catalogue.files import TABLE
from appliance.providers.registry import ProviderRegistry
from appliance.settings.environment import SettingsError
from appliance.settings.operator import OperatorSettings
from appliance.slots.recipes import build_recipe
from appliance.slots.schemas import SLOT_IDS, RouteConfig, SlotFields

_HEADER = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.\"'-]+)\s*\]\]?")
_KEY = re.compile(r"\s*([A-Za-z0-9_.\"'-]+)\s*=")

_RECIPE_KEYS = {"provider", "operation", "model", "params", "fallbacks", "prompt", "output"}

Location = tuple[str | int, ...]


class RoleConfig(StrictModel):
    """What the accounts of a role may do."""

    permissions: list[Permission] = Field(min_length=1)


class AccountConfig(StrictModel):
    """An account to be created; its first password is made at random."""

    username: str = Field(pattern=r"^[a-z][a-z0-9_.-]{1,31}$")
    role: str


class SlotSeed(SlotFields):
    """A slot to be created."""

    id: str


class ApplianceConfig(StrictModel):
    """The whole file."""

    defaults: OperatorSettings = OperatorSettings()
    catalogue: dict[str, Any] = Field(default_factory=dict)
    roles: dict[str, RoleConfig]
    accounts: list[AccountConfig] = Field(min_length=1)
    slots: list[SlotSeed]


class ConfigError(SettingsError):
    """The file is wrong; ``problems`` has one line for each, with line number and key."""


def load_config(path: Path, registry: ProviderRegistry) -> ApplianceConfig:
    """Read and check the file; raises ``ConfigError`` with every problem there is."""
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except PermissionError:
        raise ConfigError(
            [f"{path.name}: user {os.geteuid()} may not read it. Make it readable: chmod a+r {path.name}"]
        ) from None
    except OSError as error:
        raise ConfigError([f"{path.name}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{path.name}: is not UTF-8 text"]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{path.name}: {error}"]) from None
    lines = key_lines(text)
    found = [(location, message) for location, message in _problems(data, registry)]
    if found:
        ordered = sorted({(line_of(lines, location), _key(location), message) for location, message in found})
        raise ConfigError([f"{path.name}, line {line}: {key}: {message}" for line, key, message in ordered])
    return ApplianceConfig.model_validate(data)


def _problems(data: Mapping[str, Any], registry: ProviderRegistry) -> list[tuple[Location, str]]:
    found: list[tuple[Location, str]] = []
    # First, and as far as they are right: what slots may say depends on how the providers are reached.
    defaults = data.get("defaults")
    registry.configure(as_far_as_known(OperatorSettings, defaults if isinstance(defaults, dict) else {})[0])
    try:
        registry.check(ApplianceConfig.model_validate(data).defaults)
    except ValidationFailed as failed:
        found = [(("defaults", *name.split(".")), message) for name, message in (failed.fields or {}).items()]
    except ValidationError as error:
        found = [(item["loc"], _plain(item["type"], item["msg"])) for item in error.errors()]
    return [
        *found,
        *_catalogue_problems(data),
        *_account_problems(data),
        *_slot_problems(data, registry),
    ]


def _catalogue_problems(data: Mapping[str, Any]) -> list[tuple[Location, str]]:
    """What is wrong in the table of models; the appliance itself would leave it out and start."""
    changes = data.get(TABLE)
    if not isinstance(changes, dict):
        return []  # reported already, if it is there
    found: list[tuple[Location, str]] = []
    for problem in shipped().with_layer(Layer(TABLE, changes)).problems:
        inside = ("models", problem.model) if problem.model else ()
        field = problem.field.split(".") if problem.field else ()
        found.append(((TABLE, problem.provider, *inside, *field), problem.message))
    return found


def _plain(kind: str, message: str) -> str:
    return {"extra_forbidden": "there is no such key", "missing": "is missing"}.get(kind, message)


def _tables(data: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    tables = data.get(name)
    return [table if isinstance(table, dict) else {} for table in tables] if isinstance(tables, list) else []


def _account_problems(data: Mapping[str, Any]) -> list[tuple[Location, str]]:
    found: list[tuple[Location, str]] = []
    roles = data.get("roles")
    seen: set[object] = set()
    for index, account in enumerate(_tables(data, "accounts")):
        name, role = account.get("username"), account.get("role")
        if isinstance(role, str) and isinstance(roles, dict) and role not in roles:
            found.append(
                (("accounts", index, "role"), f"there is no role {role!r}; there are {', '.join(roles)}")
            )
        if name in seen:
            found.append((("accounts", index, "username"), f"{name!r} stands here twice"))
        seen.add(name)
    return found


def _slot_problems(data: Mapping[str, Any], registry: ProviderRegistry) -> list[tuple[Location, str]]:
    found: list[tuple[Location, str]] = []
    seen: set[str] = set()
    for index, slot in enumerate(_tables(data, "slots")):
        slot_id = slot.get("id")
        if isinstance(slot_id, str):
            if slot_id not in SLOT_IDS:
                found.append(
                    (("slots", index, "id"), f"{slot_id!r} is none of {SLOT_IDS[0]} to {SLOT_IDS[-1]}")
                )
            if slot_id in seen:
                found.append((("slots", index, "id"), f"{slot_id!r} stands here twice"))
            seen.add(slot_id)
        found += _recipe_problems(index, slot, registry)
    missing = [slot_id for slot_id in SLOT_IDS if slot_id not in seen]
    if missing:
        found.append((("slots",), f"missing: {', '.join(missing)}"))
    return found


def _recipe_problems(
    index: int, slot: Mapping[str, Any], registry: ProviderRegistry
) -> list[tuple[Location, str]]:
    try:
        recipe = {name: slot[name] for name in _RECIPE_KEYS & set(slot)}
        checked = SlotSeed.model_validate({**recipe, "id": "", "display_name": "-"})
        build_recipe(
            registry,
            [RouteConfig(**checked.model_dump(include=set(RouteConfig.model_fields))), *checked.fallbacks],
            prompt=checked.prompt.model_dump(),
            output=checked.output.model_dump(),
        )
    except ValidationError:
        return []  # reported already
    except ValidationFailed as error:
        fields = error.fields or {}
        return [(("slots", index, *_parts_of_field(name)), message) for name, message in fields.items()]
    return []


def _parts_of_field(name: str) -> Location:
    return tuple(int(part) if part.isdecimal() else part for part in name.split("."))


def _key(location: Location) -> str:
    return ".".join(str(part) if isinstance(part, str) else f"[{part + 1}]" for part in location).replace(
        ".[", "["
    )


def key_lines(text: str) -> dict[Location, int]:
    """The line (from 1) of every table header and key of a TOML text.

    A table of an array is addressed by its index: ``("slots", 2, "params", "grain")``.
    """
    lines: dict[Location, int] = {}
    counts: dict[Location, int] = {}
    table: Location = ()
    quoted = False
    for number, line in enumerate(text.splitlines(), start=1):
        if not quoted:
            if header := _HEADER.match(line):
                table = _enter(header, counts)
                lines.setdefault(table, number)
            elif key := _KEY.match(line):
                lines.setdefault((*table, *_parts(key[1])), number)
        if line.count('"""') % 2 or line.count("'''") % 2:
            quoted = not quoted
    return lines


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in dotted.split("."))


def _enter(header: re.Match[str], counts: dict[Location, int]) -> Location:
    """The location of the table that a header opens; ``counts`` holds the arrays' lengths so far."""
    location: Location = ()
    parts = _parts(header[2])
    for position, part in enumerate(parts):
        location = (*location, part)
        if header[1] == "[[" and position == len(parts) - 1:
            counts[location] = counts.get(location, 0) + 1
        if location in counts:
            location = (*location, counts[location] - 1)
    return location


def line_of(lines: Mapping[Location, int], location: Location) -> int:
    """The line of ``location``, else that of the nearest table around it, else 1."""
    while location:
        if location in lines:
            return lines[location]
        location = location[:-1]
    return 1
