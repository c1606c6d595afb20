"""What pages call providers, operations and roles."""

from __future__ import annotations

from appliance.core.language import Language


def named(language: Language, kind: str, name: str, otherwise: str = "") -> str:
    """A provider's, an operation's or a role's name for people."""
    key = f"{kind}.{name}"
    return language.gettext(key) if language.has(key) else otherwise or name
