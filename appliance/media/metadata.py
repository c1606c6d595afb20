"""Metadata out of pictures, without touching a pixel.

Only what shows the picture rightly stays: colour profiles, the JFIF, Adobe and animation headers,
and how it must be turned. EXIF with its position, XMP, IPTC, comments, the makers' own blocks and
whatever lies behind the picture's end (a motion photo's video, further pictures) go.
"""

from __future__ import annotations

import struct
import zlib

from appliance.core import jpeg
from appliance.core.images import JPEG, PNG, WEBP

_PNG_HEAD = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"pHYs", b"sBIT"}
)
_WEBP_DROPPED = frozenset({b"EXIF", b"XMP ", b"C2PA"})
_WEBP_HAS_EXIF, WEBP_HAS_XMP, _WEBP_HAS_ALPHA = 0b0000_1000, 0b0000_0100, 0b0001_0000


def strip(data: bytes, media_type: str, orientation: int = 1) -> bytes:
    """``data`` without metadata but an ``orientation`` other than upright.

    A file whose structure cannot be followed comes back as it was.
    """
    try:
        return cleaned(data, media_type, orientation)
    except ValueError:
        return data


def cleaned(data: bytes, media_type: str, orientation: int = 1) -> bytes:
    """The same; raises ``ValueError`` where the structure cannot be followed. A JPEG ends with its marker."""
    try:
        return _CLEANERS[media_type](data, _exif(orientation) if orientation != 1 else b"")
    except (IndexError, struct.error) as error:
        raise ValueError("a structure that cannot be followed") from error


def _exif(orientation: int) -> bytes:
    """The smallest EXIF block there is: the orientation and nothing else."""
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"MM\0*" + struct.pack(">IH", 8, 1) + entry + struct.pack(">I", 0)


def _jpeg(data: bytes, exif: bytes) -> bytes:
    view = memoryview(data)
    first: list[memoryview] = [view[:2]]
    kept: list[memoryview] = []
    for segment in jpeg.segments(data):
        content = view[segment.start : segment.end]
        if segment.marker == 0xE0 and not kept:  # JFIF wants to be first
            first.append(content)
        elif _jpeg_keeps(segment.marker, bytes(content[4:16])):
            kept.append(content)
    if not kept:
        raise ValueError("no picture")
    if kept[-1] != jpeg.END:
        kept.append(memoryview(jpeg.END))
    if exif:
        block = JPEG.exif_name + exif
        first.append(memoryview(b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block))
    return b"".join(first + kept)


def _jpeg_keeps(marker: int, content: bytes) -> bool:
    if marker == 0xE2:
        return content.startswith(b"ICC_PROFILE\0")
    return marker in (0xE0, 0xEE) or not (0xE1 <= marker <= 0xEF or marker == 0xFE)


def png_chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG file, with its check sum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _png(data: bytes, exif: bytes) -> bytes:
    kept, at = [_PNG_HEAD], len(_PNG_HEAD)
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        name = data[at + 4 : at + 8]
        if name in _PNG_KEPT:
            kept.append(data[at : at + 12 + length])
        if name == b"IHDR" and exif:
            kept.append(png_chunk(PNG.exif_name, exif))
        at += 12 + length
        if name == b"IEND":
            break
    return b"".join(kept)


def _webp(data: bytes, exif: bytes) -> bytes:
    kept, at = [], 12
    end = min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    while at + 8 <= end:
        name = data[at : at + 4]
        (length,) = struct.unpack_from("<I", data, at + 4)
        if name not in _WEBP_DROPPED:
            kept.append(data[at : at + 8 + length + length % 2])
        at += 8 + length + length % 2
    body = webp_flagged(b"".join(kept), 0)
    if exif:
        body = webp_flagged(body, _WEBP_HAS_EXIF) + webp_chunk(WEBP.exif_name, exif)
    return webp_file(body)


def webp_chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a WebP file."""
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def webp_file(body: bytes) -> bytes:
    """A WebP file of these chunks."""
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def webp_flagged(body: bytes, flags: int) -> bytes:
    """A WebP's chunks whose header says of metadata that there is what ``flags`` names, and no other.

    The header is added where there is none and one is needed.
    """
    if body[:4] == b"VP8X":
        others = body[8] & ~(_WEBP_HAS_EXIF | WEBP_HAS_XMP) & 0xFF
        return body[:8] + bytes([others | flags]) + body[9:]
    if not flags:
        return body
    width, height, alpha = _webp_size(body)
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    flags |= _WEBP_HAS_ALPHA if alpha else 0
    return b"VP8X" + struct.pack("<II", 10, flags) + size + body


_CLEANERS = {JPEG.media_type: _jpeg, PNG.media_type: _png, WEBP.media_type: _webp}


def _webp_size(body: bytes) -> tuple[int, int, bool]:
    """Width, height and transparency of a WebP without the extended header."""
    if body[:4] == b"VP8L":
        bits = int.from_bytes(body[9:13], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    width, height = struct.unpack_from("<HH", body, 14)
    return width & 0x3FFF, height & 0x3FFF, False
