"""Pydantic's findings as one plain message per field: what must stand there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

_WHOLE, _NUMBER, _FLAG = "must be a whole number", "must be a number", "must be true or false"
_OBJECT, _TIME = "must be an object", "must be a time like 2026-11-23T18:04:11Z"

# By Pydantic's type of error; {…} is of the error's context.
_MESSAGES: Mapping[str, str] = MappingProxyType(
    {
        "missing": "is missing",
        "extra_forbidden": "is not known here; leave it out",
        "greater_than": "must be more than {gt}",
        "greater_than_equal": "must be {ge} or more",
        "less_than": "must be less than {lt}",
        "less_than_equal": "must be {le} or less",
        "finite_number": "must be a finite number",
        "int_type": _WHOLE,
        "int_parsing": _WHOLE,
        "int_from_float": _WHOLE,
        "float_type": _NUMBER,
        "float_parsing": _NUMBER,
        "bool_type": _FLAG,
        "bool_parsing": _FLAG,
        "string_type": "must be text",
        "string_too_short": "must have at least {min_length} characters",
        "string_too_long": "must have at most {max_length} characters",
        "string_pattern_mismatch": "must match the pattern {pattern}",
        "too_short": "must have at least {min_length} entries",
        "too_long": "must have at most {max_length} entries",
        "literal_error": "must be {expected}",
        "enum": "must be {expected}",
        "dict_type": _OBJECT,
        "model_type": _OBJECT,
        "model_attributes_type": _OBJECT,
        "list_type": "must be a list",
        "uuid_parsing": "must be a UUID",
        "datetime_type": _TIME,
        "datetime_parsing": _TIME,
        "datetime_from_date_parsing": _TIME,
        "timezone_aware": "must have a time zone: " + _TIME.removeprefix("must be "),
        "json_invalid": "is not valid JSON: {error}",
        "value_error": "{error}",
    }
)


def plain_message(found: Mapping[str, Any]) -> str:
    """One of Pydantic's findings in our words; in Pydantic's own where it is of a rarer kind."""
    if found["type"] == "string_too_short" and found["ctx"]["min_length"] == 1:
        return "must not be empty"
    message = _MESSAGES.get(found["type"])
    if message is None:
        return str(found["msg"])
    values = (found.get("ctx") or {}).items()
    return message.format_map({name: _short(value) for name, value in values})


def _short(value: object) -> object:
    """``60``, not ``60.0``."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def field_messages(error: ValidationError, *prefix: str) -> dict[str, str]:
    """The messages of ``error`` by dotted field name, each below ``prefix``."""
    return messages_of(error.errors(), prefix=prefix)


def messages_of(
    findings: Iterable[Mapping[str, Any]], *, prefix: tuple[str, ...] = (), whole: str = ""
) -> dict[str, str]:
    """The messages of Pydantic's ``findings`` by dotted field name; ``whole`` names what has no field."""
    return {".".join(map(str, (*prefix, *item["loc"]))) or whole: plain_message(item) for item in findings}
