"""What looks like a booth's key, wherever it stands: people mistype addresses, and logs keep them."""

from __future__ import annotations

import re
import string

from appliance.core.passwords import LETTERS

PREFIX = "booth-"
AROUND = string.whitespace + "\ufeff\u200b\u00a0"  # what programs and tablets put around a text
MASKED = "•••"
# What is meant to be a key, whole or mistyped. No word has such letters. Nginx has the same for its log.
_KEY = re.compile(rf"(?i){PREFIX[:-1]}(?:-[{LETTERS}]{{1,8}}){{3,}}")


def looks_like_key(value: str) -> bool:
    """Whether a value is meant to be a booth key."""
    return _KEY.fullmatch(value.strip(AROUND)) is not None


def without_keys(value: str) -> str:
    """``value`` with every booth key in it masked."""
    return _KEY.sub(MASKED, value)
