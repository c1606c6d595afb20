"""On which line of a TOML text something stands."""

from __future__ import annotations

import tomllib
from bisect import bisect_left
from collections.abc import Mapping, Sequence


def line_of(text: str, path: Sequence[str]) -> int:
    """The line on which ``path``, or as much of it as there is, is complete; the text must be TOML."""
    lines = text.splitlines()

    def depth(count: int) -> int:
        return _depth(_parsed(lines, count), path)

    return 1 + bisect_left(range(1, len(lines)), depth(len(lines)), key=depth)


def _parsed(lines: Sequence[str], count: int) -> Mapping[str, object]:
    """The first ``count`` lines, or as many of them as are whole statements."""
    for end in range(count, 0, -1):
        try:
            return tomllib.loads("\n".join(lines[:end]))
        except tomllib.TOMLDecodeError:
            continue
    return {}


def _depth(found: object, path: Sequence[str]) -> int:
    for count, name in enumerate(path):
        if not isinstance(found, Mapping) or name not in found:
            return count
        found = found[name]
    return len(path)
