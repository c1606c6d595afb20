"""What differs between two configurations of a slot, field by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_OPENED = ("params", "prompt", "output", "template_media")  # shown by their own fields

Changes = dict[str, list[Any]]


def flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration by fields such as ``params.prompt``."""
    found: dict[str, Any] = {}
    for name, value in config.items():
        if name in _OPENED and isinstance(value, Mapping):
            found |= {f"{name}.{inner}": inner_value for inner, inner_value in value.items()}
        else:
            found[name] = value
    return found


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Changes:
    """Each field that differs, such as ``params.prompt``, with its old and its new value.

    What one of the two does not have is ``None`` there.
    """
    before, after = flat(old), flat(new)
    names = [*before, *(name for name in after if name not in before)]
    return {
        name: [before.get(name), after.get(name)] for name in names if before.get(name) != after.get(name)
    }


def as_audit(found: Changes) -> dict[str, dict[str, Any]]:
    """The same as the audit log writes it."""
    return {name: {"from": old, "to": new} for name, (old, new) in found.items()}
