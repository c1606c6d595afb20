"""Cleans what a provider says before it is logged or shown: no keys, prompts or picture data."""

from __future__ import annotations

import re
from collections.abc import Iterable

LONGEST = 300  # characters of a provider's message that are kept
_SHORTEST_ECHO = 12  # characters in a row that count as a quotation of a secret
_REMOVED = "[…]"

_PATTERNS = (
    re.compile(r"data:[\w/+.-]+;base64,\S*"),
    re.compile(r"(?i)bearer\s+\S+"),
    re.compile(r"\b(?:AIza|sk-|key-)[\w*.-]{6,}"),
    re.compile(r"[A-Za-z0-9+/_=-]{40,}"),
)


def scrub(text: object, secrets: Iterable[str | None] = ()) -> str:
    """``text`` on one line, at most 300 characters, without keys, base64, or parts of ``secrets``.

    ``secrets`` are this request's key and prompt: what the message quotes of them is cut out.
    """
    line = " ".join(str(text)[:4000].split())
    line = "".join(character for character in line if character.isprintable())
    for secret in secrets:
        if secret:
            line = _without(line, " ".join(secret.split()))
    for pattern in _PATTERNS:
        line = pattern.sub(_REMOVED, line)
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _without(line: str, secret: str) -> str:
    """``line`` without the stretches that it has in common with ``secret``."""
    window = min(_SHORTEST_ECHO, len(secret))
    if not window:
        return line
    kept: list[str] = []
    position = 0
    while position < len(line):
        end = position + window
        if end > len(line) or line[position:end] not in secret:
            kept.append(line[position])
            position += 1
            continue
        while end < len(line) and line[position : end + 1] in secret:
            end += 1
        kept.append(_REMOVED)
        position = end
    return "".join(kept)


def word(value: object, default: str = "") -> str:
    """A provider's own error word, made safe to use as a ``reason``: short and of plain letters."""
    cleaned = re.sub(r"[^A-Za-z0-9_.-]+", "_", str(value or "").strip())[:60].strip("_")
    return cleaned or default
