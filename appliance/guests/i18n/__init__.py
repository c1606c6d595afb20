"""The words guests read: one TOML file a language, and nothing else to do to add one.

``name`` is what the language calls itself, ``dir`` is ``ltr`` or ``rtl``; the other keys are those
of ``en.toml``, which a test compares. ``{name}`` stands for what is put in.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
DEFAULT = "en"
_PLACE = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one language."""

    lang: str
    texts: Mapping[str, str]

    def __call__(self, key: str, **values: Any) -> str:
        """The text of ``key``; raises ``KeyError`` for one that is not there."""
        return _PLACE.sub(lambda found: str(values[found[1]]), self.texts[key])

    def has(self, key: str) -> bool:
        """Whether there is such a key."""
        return key in self.texts

    @property
    def dir(self) -> str:
        """The direction of writing: ``ltr`` or ``rtl``."""
        return self.texts["dir"]


@cache
def languages() -> dict[str, Words]:
    """Every language there is, by its code; English first, the others in order."""
    codes = sorted((path.stem for path in FOLDER.glob("*.toml")), key=lambda code: (code != DEFAULT, code))
    return {code: Words(code, flattened(_read(code))) for code in codes}


def offered(wanted: Sequence[str]) -> dict[str, Words]:
    """The languages an operator chose, in that order; all of them when none was chosen."""
    found = {code: languages()[code] for code in wanted if code in languages()}
    return found or languages()


def choose(available: Mapping[str, Words], asked: str | None, accept_language: str) -> Words:
    """The language a guest asked for, else the best for ``Accept-Language``, else the first."""
    if asked is not None and asked in available:
        return available[asked]
    wanted = (available[tag] for tag in preferences(accept_language) if tag in available)
    return next(wanted, next(iter(available.values())))


def preferences(accept_language: str) -> list[str]:
    """The languages of an ``Accept-Language`` header, the best first."""
    wanted: list[tuple[float, int, str]] = []
    for position, item in enumerate(accept_language.split(",")):
        tag, _, weight = item.replace(" ", "").partition(";q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            quality = 0.0
        wanted.append((-quality, position, tag.split("-")[0].lower()))
    return [tag for quality, _, tag in sorted(wanted) if quality < 0]


def flattened(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """A file's tables as dotted keys."""
    found: dict[str, str] = {}
    for key, value in tree.items():
        found |= flattened(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return found


def _read(code: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{code}.toml").read_text(encoding="utf-8"))
