"""Whether a picture's colours are sRGB already, as everything that is sent and shown must be."""

from __future__ import annotations

import functools
import struct
from pathlib import Path
from typing import Any

import pyvips

_PROFILE = "icc-profile-data"
# sRGB's primaries in the profile's own space (X, Y, Z of D50), as in IEC 61966-2-1:1999, and what it makes
# of some values. Profiles by different makers differ in the fourth digit.
_PRIMARIES = {
    b"rXYZ": (0.4361, 0.2225, 0.0139),
    b"gXYZ": (0.3851, 0.7169, 0.0971),
    b"bXYZ": (0.1431, 0.0606, 0.7141),
}
_NEAR = 0.002
_CURVE = {0.04: 0.0031, 0.1: 0.0100, 0.25: 0.0509, 0.5: 0.2140, 0.75: 0.5225, 0.9: 0.7874}


def rgb_of(colour: str) -> list[int]:
    """``#rrggbb`` as libvips takes it."""
    return list(bytes.fromhex(colour[1:]))


def into_srgb(image: pyvips.Image) -> dict[str, Any]:
    """The options that make libvips's thumbnails sRGB; none where ``image`` is sRGB, or has a broken
    profile: browsers do not heed that one, either.

    Converting what has no profile, or this one, costs more than everything else that is done to a photo
    (measured with 24 million pixels, 2026-11-27), and changes nothing.
    """
    plain = image.interpretation == "srgb" and image.format == "uchar"
    as_it_is = plain and (has_srgb_profile(image) or _is_broken(bytes(image.get(_PROFILE))))
    return {} if as_it_is else {"export_profile": "srgb"}


def srgb_thumbnail(path: Path, width: int, **options: Any) -> pyvips.Image:
    """A file as libvips's thumbnail, in sRGB."""
    head = pyvips.Image.new_from_file(str(path), access="sequential")
    return pyvips.Image.thumbnail(str(path), width, **options, **into_srgb(head))


def has_srgb_profile(image: pyvips.Image) -> bool:
    """Whether it has no profile, or one that says sRGB by its figures, whatever its name."""
    return not image.get_typeof(_PROFILE) or is_srgb(bytes(image.get(_PROFILE)))


@functools.lru_cache(maxsize=8)  # a venue's cameras have one, and trying it takes 8 ms
def _is_broken(profile: bytes) -> bool:
    """Whether RGB cannot be converted by it, tried with one pixel."""
    pixel = pyvips.Image.black(1, 1, bands=3).copy(interpretation="srgb")
    pixel.set_type(pyvips.GValue.blob_type, _PROFILE, profile)
    try:
        pixel.icc_transform("srgb", embedded=True).avg()
    except pyvips.Error:
        return True
    return False


def is_srgb(profile: bytes) -> bool:
    """Whether an ICC profile describes sRGB: by its primaries and curves. One with tables does not."""
    try:
        tags = _tags(profile)
        if profile[16:20] != b"RGB " or any(name in tags for name in (b"A2B0", b"A2B1", b"D2B0")):
            return False
        primaries = all(
            abs(found - wanted) < _NEAR
            for name, values in _PRIMARIES.items()
            for found, wanted in zip(_xyz(tags[name]), values, strict=True)
        )
        return primaries and all(_is_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC"))
    except (KeyError, IndexError, ValueError, OverflowError, struct.error):
        return False


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, 128)
    found = {}
    for number in range(min(count, 100)):
        name, at, size = struct.unpack_from(">4sII", profile, 132 + 12 * number)
        found[name] = profile[at : at + size]
    return found


def _xyz(tag: bytes) -> tuple[float, ...]:
    return tuple(value / 65536 for value in struct.unpack_from(">3i", tag, 8))


def _is_curve(tag: bytes) -> bool:
    return all(abs(_curve(tag, value) - wanted) < _NEAR for value, wanted in _CURVE.items())


def _curve(tag: bytes, value: float) -> float:
    """What a tone curve makes of ``value``; both from 0 to 1. Raises ``ValueError`` for an unusual one."""
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count < 2:
            raise ValueError("a plain power is not sRGB's curve")
        at = value * (count - 1)
        low, high = struct.unpack_from(">2H", tag, 12 + 2 * min(int(at), count - 2))
        return float(low + (high - low) * (at - min(int(at), count - 2))) / 65535
    if tag[:4] == b"para" and struct.unpack_from(">H", tag, 8) == (3,):
        g, a, b, c, d = (part / 65536 for part in struct.unpack_from(">5i", tag, 12))
        return float((a * value + b) ** g if value >= d else c * value)
    raise ValueError("an unusual curve")
