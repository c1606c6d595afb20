"""The words of the pages: one catalog a language, ``{name}`` for what is put in, plurals by count.

A catalog is a folder with a file for each part of the pages; ``en`` and ``ru`` hold the same keys,
which a test compares. ``messages.toml`` says how the services' own findings (one plain English
message per field) are put, in every language.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
DEFAULT = "en"
NAMES = {"en": "English", "ru": "Русский"}
_PLACE = re.compile(r"\{([a-z_]+)\}")


def _english(count: int) -> str:
    return "one" if count == 1 else "other"


def _russian(count: int) -> str:
    last, last_two = count % 10, count % 100
    if last == 1 and last_two != 11:
        return "one"
    return "few" if last in (2, 3, 4) and last_two not in (12, 13, 14) else "many"


_PLURALS: Mapping[str, Callable[[int], str]] = {"en": _english, "ru": _russian}


@dataclass(frozen=True, slots=True)
class Words:
    """The catalog of one language."""

    lang: str
    texts: Mapping[str, str]
    messages: Mapping[re.Pattern[str], str]

    def __call__(self, key: str, **values: Any) -> str:
        """The text of ``key``; raises ``KeyError`` for one that is not in the catalog."""
        return _fill(self.texts[key], values)

    def has(self, key: str) -> bool:
        """Whether there is such a key."""
        return key in self.texts

    def plural(self, key: str, count: int, **values: Any) -> str:
        """The form of ``key`` that goes with ``count``, which stands at ``{n}``."""
        return self(f"{key}.{_PLURALS[self.lang](count)}", n=self.number(count), **values)

    def message(self, english: str) -> str:
        """A service's finding in this language; as it came if it is not in the catalog."""
        for pattern, text in self.messages.items():
            if found := pattern.fullmatch(english):
                return _fill(text, found.groupdict())
        return english

    def number(self, value: float, digits: int = 0) -> str:
        """A number as this language writes it."""
        text = f"{value:,.{digits}f}"
        return text.replace(",", "\u202f").replace(".", ",") if self.lang == "ru" else text


def language_for(accept_language: str) -> str:
    """The language we have that an ``Accept-Language`` header likes best; English if it likes none."""
    liked: dict[str, float] = {}
    for item in accept_language.split(","):
        tag, _, weight = item.strip().lower().partition(";q=")
        lang = tag.partition("-")[0]
        try:
            liked.setdefault(lang, float(weight or 1))
        except ValueError:
            continue
    best = max(NAMES, key=lambda lang: liked.get(lang, 0))
    return best if liked.get(best, 0) > 0 else DEFAULT


def _fill(text: str, values: Mapping[str, Any]) -> str:
    return _PLACE.sub(lambda found: str(values[found[1]]), text)


def flattened(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """A catalog's tables as dotted keys."""
    found: dict[str, str] = {}
    for key, value in tree.items():
        found |= flattened(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return found


def read_catalog(lang: str) -> dict[str, str]:
    """All texts of ``lang``; raises ``ValueError`` for a table that stands in two files."""
    tables: dict[str, Any] = {}
    for path in sorted((FOLDER / lang).glob("*.toml")):
        found = _read(path)
        if twice := tables.keys() & found.keys():
            raise ValueError(f"{path.name} repeats {', '.join(sorted(twice))}")
        tables |= found
    return flattened(tables)


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _pattern(english: str) -> re.Pattern[str]:
    """``must have at least {n} characters`` as a pattern that finds ``n``."""
    pieces = _PLACE.split(english)
    return re.compile(
        "".join(f"(?P<{piece}>.+?)" if index % 2 else re.escape(piece) for index, piece in enumerate(pieces)),
        re.DOTALL,
    )


@cache
def words(lang: str) -> Words:
    """The catalog of ``lang``; of English if there is none."""
    lang = lang if lang in NAMES else DEFAULT
    messages = {_pattern(item["says"]): item[lang] for item in _read(FOLDER / "messages.toml")["message"]}
    return Words(lang, read_catalog(lang), messages)
