"""Metadata out of finished pictures, without touching a pixel.

Only what shows the picture rightly stays: colour profiles and the JFIF, Adobe and animation
headers. EXIF, XMP, IPTC, comments and the makers' own blocks go.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

_PNG_HEAD = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"pHYs", b"sBIT"}
)
_WEBP_DROPPED = frozenset({b"EXIF", b"XMP "})
_WEBP_FLAGS_CLEARED = 0b0000_1100  # the header's 'has EXIF' and 'has XMP'


def strip(data: bytes, media_type: str) -> bytes:
    """``data`` without metadata. A file whose structure cannot be followed comes back as it was."""
    cleaners: dict[str, Callable[[bytes], bytes]] = {
        "image/jpeg": _jpeg,
        "image/png": _png,
        "image/webp": _webp,
    }
    try:
        return cleaners[media_type](data)
    except (IndexError, struct.error):
        return data


def _jpeg(data: bytes) -> bytes:
    kept, at = [data[:2]], 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        if marker in (0xDA, 0xD9):  # the picture itself begins
            break
        (length,) = struct.unpack_from(">H", data, at + 2)
        segment = data[at : at + 2 + length]
        if _jpeg_keeps(marker, segment[4:]):
            kept.append(segment)
        at += 2 + length
    kept.append(data[at:])
    return b"".join(kept)


def _jpeg_keeps(marker: int, content: bytes) -> bool:
    if marker == 0xE2:
        return content.startswith(b"ICC_PROFILE\0")
    if marker in (0xE0, 0xEE):  # JFIF, Adobe
        return True
    return not (0xE1 <= marker <= 0xEF or marker == 0xFE)


def _png(data: bytes) -> bytes:
    kept, at = [_PNG_HEAD], len(_PNG_HEAD)
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if data[at + 4 : at + 8] in _PNG_KEPT:
            kept.append(data[at : at + 12 + length])
        at += 12 + length
    return b"".join(kept)


def _webp(data: bytes) -> bytes:
    kept, at = [], 12
    while at + 8 <= len(data):
        name = data[at : at + 4]
        (length,) = struct.unpack_from("<I", data, at + 4)
        chunk = data[at : at + 8 + length + length % 2]
        if name == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & ~_WEBP_FLAGS_CLEARED & 0xFF]) + chunk[9:]
        if name not in _WEBP_DROPPED:
            kept.append(chunk)
        at += len(chunk)
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body
