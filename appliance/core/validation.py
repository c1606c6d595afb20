"""Pydantic's findings as one plain message per field: what must stand there."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError

from appliance.core.errors import ValidationFailed
from appliance.core.language import Message

M = TypeVar("M", bound=BaseModel)

_WHOLE, _NUMBER, _FLAG = "must be a whole number", "must be a number", "must be true or false"
_OBJECT, _TIME = "must be an object", "must be a time like 2026-11-23T18:04:11Z"

# By Pydantic's type of error: what we say, and the name in the error's context of what is put in.
_MESSAGES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "missing": ("is missing", ""),
        "extra_forbidden": ("is not known here; leave it out", ""),
        "greater_than": ("must be more than %(n)s", "gt"),
        "greater_than_equal": ("must be %(n)s or more", "ge"),
        "less_than": ("must be less than %(n)s", "lt"),
        "less_than_equal": ("must be %(n)s or less", "le"),
        "finite_number": ("must be a finite number", ""),
        "int_type": (_WHOLE, ""),
        "int_parsing": (_WHOLE, ""),
        "int_from_float": (_WHOLE, ""),
        "float_type": (_NUMBER, ""),
        "float_parsing": (_NUMBER, ""),
        "bool_type": (_FLAG, ""),
        "bool_parsing": (_FLAG, ""),
        "string_type": ("must be text", ""),
        "string_pattern_mismatch": ("must match the pattern %(pattern)s", "pattern"),
        "dict_type": (_OBJECT, ""),
        "model_type": (_OBJECT, ""),
        "model_attributes_type": (_OBJECT, ""),
        "list_type": ("must be a list", ""),
        "uuid_parsing": ("must be a UUID", ""),
        "datetime_type": (_TIME, ""),
        "datetime_parsing": (_TIME, ""),
        "datetime_from_date_parsing": (_TIME, ""),
        "timezone_aware": ("must have a time zone: a time like 2026-11-23T18:04:11Z", ""),
        "json_invalid": ("is not valid JSON: %(error)s", "error"),
    }
)


def plain_message(found: Mapping[str, Any]) -> Message:
    """One of Pydantic's findings in our words; in Pydantic's own where it is of a rarer kind."""
    context = found.get("ctx") or {}
    match found["type"]:
        case "string_too_short" | "string_too_long" | "too_short" | "too_long":
            return _length(found, context)
        case "value_error":
            return _own(context["error"])
        case "literal_error" | "enum":
            return _choices(str(context["expected"]))
    if found["type"] not in _MESSAGES:
        return Message(str(found["msg"]))
    template, name = _MESSAGES[found["type"]]
    if not name:
        return Message(template)
    place = name if name in ("pattern", "error") else "n"
    return Message(template, **{place: _short(context[name])})


def at_least_characters(n: int) -> Message:
    """A text is too short."""
    return Message.counted("must have at least %(n)s character", "must have at least %(n)s characters", n=n)


def at_most_characters(n: int) -> Message:
    """A text is too long."""
    return Message.counted("must have at most %(n)s character", "must have at most %(n)s characters", n=n)


def at_most_bytes(n: int) -> Message:
    """A text is too long where bytes are counted."""
    return Message.counted("must have at most %(n)s byte", "must have at most %(n)s bytes", n=n)


def _at_least_entries(n: int) -> Message:
    return Message.counted("must have at least %(n)s entry", "must have at least %(n)s entries", n=n)


def _at_most_entries(n: int) -> Message:
    return Message.counted("must have at most %(n)s entry", "must have at most %(n)s entries", n=n)


def _length(found: Mapping[str, Any], context: Mapping[str, Any]) -> Message:
    """A text or a list that is too short or too long. Pydantic speaks of secrets as of lists."""
    text = found["type"].startswith("string_") or isinstance(found["input"], str | SecretStr)
    if found["type"].endswith("too_long"):
        return (at_most_characters if text else _at_most_entries)(context["max_length"])
    if context["min_length"] == 1:
        return Message("must not be empty")
    return (at_least_characters if text else _at_least_entries)(context["min_length"])


def _own(error: ValueError) -> Message:
    """What one of our own validators said."""
    said = error.args[0] if error.args else ""
    return said if isinstance(said, Message) else Message(str(error))


def _choices(expected: str) -> Message:
    """``'a', 'b' or 'c'``."""
    choices, found, last = expected.rpartition(" or ")
    if not found:
        return Message("must be %(choice)s", choice=expected)
    return Message("must be %(choices)s or %(last)s", choices=choices, last=last)


def _short(value: object) -> object:
    """``60``, not ``60.0``."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def parsed(model: type[M], values: Any) -> M:
    """``values`` as ``model``; raises ``ValidationFailed`` with one message per field."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ValidationFailed(fields=field_messages(error)) from None


def field_messages(error: ValidationError, *prefix: str) -> dict[str, str]:
    """The messages of ``error`` by dotted field name, each below ``prefix``."""
    return messages_of(error.errors(), prefix=prefix)


def messages_of(
    findings: Iterable[Mapping[str, Any]], *, prefix: tuple[str, ...] = (), whole: str = ""
) -> dict[str, str]:
    """The messages of Pydantic's ``findings`` by dotted field name; ``whole`` names what has no field."""
    return {".".join(map(str, (*prefix, *item["loc"]))) or whole: plain_message(item) for item in findings}


def as_far_as_known(model: type[M], values: Mapping[str, Any]) -> tuple[M, list[str]]:
    """``values`` that were stored, maybe by a newer version: what this one cannot read is left out.

    Returns the model and the dotted names of what was left out. Raises ``ValidationError`` where
    ``model`` needs a value that is not there.
    """
    kept, left_out = copy.deepcopy(dict(values)), list[str]()
    while True:
        try:
            return model.model_validate(kept), left_out
        except ValidationError as error:
            found = {_within(kept, item["loc"]) for item in error.errors()}
            # From the last to the first, so that the places in lists stay right.
            places = sorted(filter(None, found), key=_in_order, reverse=True)
            if not places:
                raise
            for place in places:
                if _removed(kept, place):
                    left_out.append(".".join(map(str, place)))


def _in_order(place: tuple[int | str, ...]) -> list[str]:
    return [f"{name:09}" if isinstance(name, int) else name for name in place]


def _within(values: Any, place: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """As much of ``place`` as there is in ``values``: Pydantic also names keys and members of unions."""
    found: list[int | str] = []
    for name in place:
        if not _holds(values, name):
            break
        found.append(name)
        values = values[name]
    return tuple(found)


def _holds(values: Any, name: int | str) -> bool:
    return (isinstance(values, dict) and name in values) or (
        isinstance(values, list) and isinstance(name, int) and name < len(values)
    )


def _removed(values: Any, place: tuple[int | str, ...]) -> bool:
    for name in place[:-1]:
        if not _holds(values, name):
            return False
        values = values[name]
    if not _holds(values, place[-1]):
        return False
    del values[place[-1]]
    return True
