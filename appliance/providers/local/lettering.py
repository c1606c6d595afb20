"""Text as a mask of ink, set as large as its box allows."""

from __future__ import annotations

import html
import math
from functools import lru_cache
from importlib.resources import files

import pyvips

# Family and weight as pango names them, and the file that has exactly that face.
FACES = {
    "serif": ("Source Serif Pro Semi-Bold", "font_source_serif_pro", "SourceSerifPro-Semibold.ttf"),
    "sans": ("Manrope Bold", "font_manrope", "Manrope-Bold.ttf"),
    "small": ("Manrope Medium", "font_manrope", "Manrope-Medium.ttf"),
}
MEASURE = 100
LONGEST_WORD = 26


@lru_cache
def _font_file(package: str, name: str) -> str:
    return str(files(package) / "files" / name)


def tidy(text: str) -> str:
    """``text`` on one line, without control characters, spaces collapsed."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def set_text(text: str, face: str, size: float, *, align: str, tracking: float) -> pyvips.Image | None:
    """``text`` as one band, 255 where there is ink; ``None`` if nothing of it is visible.

    ``size`` is in pixels, ``tracking`` in hundredths of it. The text is never read as markup.
    """
    font, package, name = FACES[face]
    markup = html.escape(text, quote=False)
    spacing = round(size * tracking / 100 * 1024)
    try:
        return pyvips.Image.text(
            f'<span letter_spacing="{spacing}">{markup}</span>',
            font=f"{font} {size:.1f}px",
            fontfile=_font_file(package, name),
            dpi=72,
            align=align,
            spacing=round(size * 0.06),
        )
    except pyvips.Error:
        return None


def fit_text(
    text: str,
    face: str,
    box: tuple[int, int],
    largest: float,
    *,
    align: str,
    tracking: float = 0,
    max_lines: int = 3,
) -> pyvips.Image | None:
    """``text`` in one to ``max_lines`` lines, as large as ``box`` (px) and ``largest`` allow.

    A further line must make the letters clearly larger to be worth it.
    """
    size, broken = 0.0, ""
    for lines in range(1, max_lines + 1):
        tried = "\n".join(_balanced(text, lines))
        probe = set_text(tried, face, MEASURE, align=align, tracking=tracking)
        if probe is None:
            return None
        possible = min(largest, MEASURE * min(box[0] / probe.width, box[1] / probe.height))
        if possible > size * 1.15:
            size, broken = possible, tried
    while size > 4:
        image = set_text(broken, face, size, align=align, tracking=tracking)
        # Hinting makes sizes a pixel uneven, so the measure is only almost proportional.
        if image is None or (image.width <= box[0] and image.height <= box[1]):
            return image
        size *= 0.97
    return None


def _balanced(text: str, lines: int) -> list[str]:
    """``text`` in at most ``lines`` lines of about equal length; monstrous words are cut."""
    words = [word[i : i + LONGEST_WORD] for word in text.split() for i in range(0, len(word), LONGEST_WORD)]
    limit = max(math.ceil(len(" ".join(words)) / lines), max(map(len, words), default=1))
    while True:
        broken = [""]
        for word in words:
            joined = f"{broken[-1]} {word}".strip()
            if len(joined) <= limit:
                broken[-1] = joined
            else:
                broken.append(word)
        if len(broken) <= lines:
            return broken
        limit += 1
