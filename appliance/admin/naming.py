"""What pages call slots, providers, operations and roles."""

from __future__ import annotations

from appliance.core.language import Language


def number_of(slot_id: str) -> str:
    """A slot's number as it stands on the edge: ``07``."""
    return slot_id.rpartition("-")[2].lstrip("0").zfill(2)


def named(language: Language, kind: str, name: str, otherwise: str = "") -> str:
    """A provider's, an operation's or a role's name for people."""
    key = f"{kind}.{name}"
    return language.gettext(key) if language.has(key) else otherwise or name
