"""JSON that somebody typed, or that came as a text."""

from __future__ import annotations

import json
from typing import Any

from appliance.core.language import Message


def from_json(text: str) -> Any:
    """What ``text`` says, so that it can be stored and sent on; raises ``ValueError`` with a ``Message`` for
    no JSON, for half a character, and for what is nested too deeply to be read.
    """
    try:
        found = json.loads(text)
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # half a surrogate pair is a ValueError too
        raise ValueError(Message("this is not JSON")) from None
    return found


def object_from_json(text: str) -> dict[str, Any]:
    """``text`` as a JSON object, none as an empty one; raises ``ValueError`` for anything else."""
    found = from_json(text) if text.strip() else {}
    if not isinstance(found, dict):
        raise ValueError(Message('this must be an object: {"name": value}'))  # noqa: TRY004 - a finding
    return found
