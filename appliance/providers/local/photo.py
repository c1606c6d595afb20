"""Photo file in, upright sRGB pixels out; finished pixels in, clean JPEG out."""

from __future__ import annotations

import struct
from pathlib import Path

import pyvips

from appliance.core.apart import apart
from appliance.core.colours import into_srgb
from appliance.core.decoding import header, load
from appliance.core.images import JPEG, SNIFF_BYTES, type_of
from appliance.providers.base import EditedImage
from appliance.providers.local.work import Work

MM_PER_INCH = 25.4
SCREEN_DENSITY = 72 / MM_PER_INCH


def to_rgb(image: pyvips.Image) -> pyvips.Image:
    """Any 8- or 16-bit picture as three 8-bit sRGB bands; transparency becomes white."""
    if image.interpretation != "srgb":
        image = image.colourspace("srgb")
    if image.hasalpha():
        image = image.flatten(background=[255, 255, 255])
    return image.cast("uchar")


def open_photo(path: Path, max_side: int, work: Work) -> pyvips.Image:
    """The photo in memory: upright, sRGB, no side over ``max_side`` pixels, never enlarged.

    Raises ``OSError``, ``DamagedPicture`` or ``pyvips.Error`` when the file cannot be decoded to its end.
    """
    return work.render(to_rgb(_opened(path, max_side))).copy(xres=SCREEN_DENSITY, yres=SCREEN_DENSITY)


def open_large_photo(path: Path, max_side: int, work: Work) -> pyvips.Image:
    """The same, decoded in a process of its own that steps back for other photos."""
    work.check()
    pixels, width, height = apart(_pixels, path, max_side)
    image = pyvips.Image.new_from_memory(pixels, width, height, 3, "uchar")
    return image.copy(interpretation="srgb", xres=SCREEN_DENSITY, yres=SCREEN_DENSITY)


def _pixels(path: Path, max_side: int) -> tuple[bytes, int, int]:
    """What ``open_photo`` reads: the pixels, width and height."""
    image = to_rgb(_opened(path, max_side))
    return bytes(image.write_to_memory()), image.width, image.height


def _opened(path: Path, max_side: int) -> pyvips.Image:
    data = path.read_bytes()
    kind = type_of(data[:SNIFF_BYTES])
    if kind is None:
        raise pyvips.Error("a picture of an unknown type")
    options = {"shrink": header(data, kind).shrink(max_side)} if kind is JPEG else {}
    image = load(data, kind, fail_on="error", **options)
    return image.thumbnail_image(max_side, height=max_side, size="down", **into_srgb(image))


def encode(image: pyvips.Image, quality: int, work: Work) -> EditedImage:
    """A JPEG without metadata except a small sRGB profile and the print density."""
    data: bytes = work.watch(image).jpegsave_buffer(
        Q=quality,
        keep="icc",
        profile="srgb",
        # Fine coloured detail (dots, outlines, letters) smears when colour is stored at half size.
        subsample_mode="off" if quality >= 90 else "on",
    )
    return EditedImage(
        _with_density(data, round(image.xres * MM_PER_INCH)), JPEG.media_type, image.width, image.height
    )


def _with_density(jpeg: bytes, dots_per_inch: int) -> bytes:
    """``jpeg`` with a JFIF header, which vips leaves out with the metadata; printers read it."""
    fields = (0xFFE0, 16, b"JFIF", 0x0101, 1, dots_per_inch, dots_per_inch, 0)
    return jpeg[:2] + struct.pack(">HH5sHBHHH", *fields) + jpeg[2:]
