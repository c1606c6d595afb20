"""Takes secrets out of text that leaves the machine: those we know, what looks like one, guests' links."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from appliance.core.passwords import LETTERS

GONE = "[removed]"
_LOOKS_LIKE_A_SECRET = re.compile(
    r"(?i)\b(?:sk-[a-z0-9_-]{16,}|AIza[a-z0-9_-]{20,}|eyJ[a-z0-9_-]{10,}\.[a-z0-9_-]{10,}\.[a-z0-9_-]{5,}"
    rf"|\$2[aby]\$\d\d\$[./a-z0-9]{{53}}|booth(?:-[{LETTERS}]{{1,8}}){{3,}})"
)
_NAMED = re.compile(
    r"(?i)((?:password|passphrase|secret|token|api[_-]?key|authorization|cookie)[\"']?\s*[=:]\s*[\"']?(?:bearer\s+)?)"
    r"([^\s\"',}&]{4,})"
)
_GUEST_LINK = re.compile(r"(/(?:(?:r|s|e|g|wall|public/+results)/+|s\?code=))[^/\s\"'?&#,;<>()\[\]{}\\]+")
_UUID = re.compile(r"(?i)(?<![0-9a-f])([0-9a-f]{8})(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])")
_SHORTEST = 6


def known_secrets(folder: Path) -> list[str]:
    """Every value in the secret files, the longest first."""
    found: set[str] = set()
    for path in folder.rglob("*"):
        if path.is_file():
            found.update(_values(path.read_text(encoding="utf-8", errors="replace")))
    return sorted((value for value in found if len(value) >= _SHORTEST), key=len, reverse=True)


def _values(text: str) -> Iterator[str]:
    try:
        yield from _strings(json.loads(text))
    except ValueError:
        yield from (line.strip() for line in text.splitlines())


def _strings(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for value in data.values():
            yield from _strings(value)
    elif isinstance(data, list):
        for value in data:
            yield from _strings(value)


def redact(text: str, known: list[str]) -> str:
    """``text`` without secrets, and without what opens a guest's picture.

    A job's id is a link too: its first 8 digits are left, so that lines can still be matched.
    """
    for secret in known:
        text = text.replace(secret, GONE)
    text = _NAMED.sub(rf"\1{GONE}", _LOOKS_LIKE_A_SECRET.sub(GONE, text))
    return _UUID.sub(r"\1", _GUEST_LINK.sub(rf"\1{GONE}", text))
