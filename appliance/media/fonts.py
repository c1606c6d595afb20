"""The one font that is printed into pictures; it has Latin and Cyrillic letters."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path

import pyvips


def line(text: str, size: int) -> pyvips.Image:
    """A line of text as a mask: 255 where there is ink. ``size`` is the height of the letters, px."""
    return pyvips.Image.text(escape(text), font=f"Manrope {size}", fontfile=str(_file()), dpi=72)


@cache
def _file() -> Path:
    found = find_spec("font_manrope")
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError("the package font_manrope is not installed")
    return Path(found.submodule_search_locations[0]) / "files/Manrope-VariableFont_wght.ttf"
