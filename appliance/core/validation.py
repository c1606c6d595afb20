"""Pydantic's findings as one plain message per field."""

from __future__ import annotations

from pydantic import ValidationError


def field_messages(error: ValidationError, *prefix: str) -> dict[str, str]:
    """The messages of ``error`` by dotted field name, each below ``prefix``."""
    return {".".join(map(str, (*prefix, *item["loc"]))): item["msg"] for item in error.errors()}
