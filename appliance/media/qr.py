"""QR codes of guests' links: as SVG, as PNG, and printed into a picture's corner.

The quiet zone is always there, modules are whole pixels, and the shorter the link, the more damage
the code survives.
"""

from __future__ import annotations

from functools import lru_cache
from html import escape
from typing import Literal

import pyvips
import segno

from appliance.core.colours import rgb_of
from appliance.media.fonts import line

Corner = Literal["none", "top-left", "top-right", "bottom-left", "bottom-right"]
QUIET = 4  # modules around the code, as the standard wants
_LABEL_SHARE = 0.12  # of the code's side


@lru_cache(maxsize=256)  # of about 4 kB; one takes 3 ms to find, and is asked for again and again
def _code(link: str) -> segno.QRCode:
    level = "q" if len(link) <= 60 else "m" if len(link) <= 140 else "l"
    return segno.make_qr(link, error=level)


def modules_of(link: str) -> int:
    """How many modules wide the code is, with its quiet zone: also the smallest size in pixels."""
    return int(_code(link).symbol_size(border=QUIET)[0])


def svg(link: str, size: int, label: str = "") -> bytes:
    """The code as SVG, ``size`` pixels wide by default and sharp at any size."""
    side = modules_of(link)
    rows = _code(link).matrix_iter(border=QUIET)
    dots = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
    high = side * (1 + _LABEL_SHARE) if label else side
    text = ""
    if label:
        font = min(side * _LABEL_SHARE * 0.55, side * 1.55 / max(1, len(label)))
        text = (
            f'<text x="{side / 2}" y="{side - 1 + font:.2f}" font-size="{font:.2f}" text-anchor="middle" '
            f'font-family="system-ui,sans-serif" fill="#000000">{escape(label)}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size * high / side:.0f}" '
        f'viewBox="0 0 {side} {high:g}"><rect width="100%" height="100%" fill="#fff"/>'
        f'<path shape-rendering="crispEdges" fill="#000000" d="{dots}"/>{text}</svg>'
    ).encode()


def png(link: str, size: int, label: str = "") -> bytes:
    """The code as PNG, ``size`` pixels wide. Blocking.

    Any guest may ask for any number of them: in black and white, and hardly compressed, the largest takes a
    tenth of what it would take in colour.
    """
    image = _square(_modules(link), size)
    if label:
        strip = round(size * _LABEL_SHARE)
        words = _words(label, round(size * 0.9), round(strip * 0.6))
        canvas = image.gravity("north", size, size + strip, extend="background", background=255)
        left, top = (size - words.width) // 2, size + (strip - words.height) // 2 - strip // 4
        image = canvas.insert(words, left, top)
    data: bytes = image.write_to_buffer(".png", keep="none", compression=3, filter="none")
    return data


def square(link: str, size: int, colour: str = "#000000") -> pyvips.Image:
    """The code in whole pixels, centred in a white square of ``size`` (or as large as it must be)."""
    coloured = (_modules(link) == 0).ifthenelse(rgb_of(colour), [255, 255, 255]).cast("uchar")
    return _square(coloured.copy(interpretation="srgb"), size)


def _modules(link: str) -> pyvips.Image:
    """The code with one pixel for each module, black and white."""
    rows = [bytes(0 if dark else 255 for dark in row) for row in _code(link).matrix_iter(border=QUIET)]
    image = pyvips.Image.new_from_memory(b"".join(rows), len(rows), len(rows), 1, "uchar")
    return image.copy(interpretation="b-w")


def _square(modules: pyvips.Image, size: int) -> pyvips.Image:
    scale, size = max(1, size // modules.width), max(size, modules.width)
    image = modules.zoom(scale, scale)
    return image.gravity("centre", size, size, extend="background", background=[255] * modules.bands)


def composed(
    image: pyvips.Image, link: str, corner: Corner, percent: int, colour: str = "#000000"
) -> pyvips.Image:
    """``image`` with the code in a corner, ``percent`` of the shorter side wide."""
    if corner == "none":
        return image
    shorter = min(image.width, image.height)
    code = square(link, max(modules_of(link) * 2, round(shorter * percent / 100)), colour)
    margin = round(shorter * 0.03)
    left = margin if corner.endswith("left") else image.width - code.width - margin
    top = margin if corner.startswith("top") else image.height - code.height - margin
    flat = image.colourspace("srgb")
    if flat.hasalpha():
        code = code.addalpha()
    return flat.insert(code, max(0, left), max(0, top))


def _words(text: str, width: int, height: int) -> pyvips.Image:
    """A line of black text on white that fits into ``width`` and ``height``."""
    mask = line(text, max(6, round(height * 0.72)))
    if mask.width > width:
        mask = mask.resize(width / mask.width)
    return mask.invert().copy(interpretation="b-w")
