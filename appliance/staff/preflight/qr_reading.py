"""Reads QR codes back, as a phone's camera would: by somebody else's reader, from the finished picture."""

from __future__ import annotations

import pyvips
import zxingcpp

_SIDE = 2000  # longest side that is looked at: what a phone shows of a print on a screen


def texts_in(picture: bytes) -> list[str]:
    """What the codes in a picture say. Blocking."""
    image = pyvips.Image.thumbnail_buffer(picture, _SIDE, size="down")
    if image.hasalpha():
        image = image.flatten(background=[255, 255, 255])
    grey = image.colourspace("b-w").extract_band(0)
    pixels = memoryview(grey.write_to_memory()).cast("B", (grey.height, grey.width))
    return [found.text for found in zxingcpp.read_barcodes(pixels)]
