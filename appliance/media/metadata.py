"""Metadata out of pictures, without touching a pixel.

Only what shows the picture rightly stays: colour profiles, the JFIF, Adobe and animation headers,
and how it must be turned. EXIF with its position, XMP, IPTC, comments, the makers' own blocks, blocks
that nobody knows and whatever lies behind the picture's end (a motion photo's video, further pictures) go.
"""

from __future__ import annotations

import struct
import zlib

from appliance.core import jpeg
from appliance.core.images import JPEG, PNG, PNG_SIGNATURE, WEBP

_PNG_KEPT = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"pHYs", b"sBIT"}
)
_WEBP_KEPT = frozenset({b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"})
_FRAME_HEADER = 16  # bytes of an animation's frame before its chunks
# Of the headers of an application only what a decoder reads: by marker their name and length.
_JPEG_HEADERS = {0xE0: (b"JFIF\0", 14), 0xEE: (b"Adobe", 12)}
_JPEG_CODING = range(0xC0, 0xE0)  # frames, tables, scans, the end
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
        if segment.marker in _JPEG_HEADERS:
            header = _jpeg_header(segment.marker, bytes(content[4:18]))
            # JFIF wants to be first
            (first if segment.marker == 0xE0 and not kept else kept).append(memoryview(header))
        elif segment.marker in _JPEG_CODING or bytes(content[4:16]) == b"ICC_PROFILE\0":
            kept.append(content)
    if not kept:
        raise ValueError("no picture")
    if kept[-1] != jpeg.END:
        kept.append(memoryview(jpeg.END))
    if exif:
        block = JPEG.exif_name + exif
        first.append(memoryview(b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block))
    return b"".join(first + kept)


def _jpeg_header(marker: int, content: bytes) -> bytes:
    """A known header without what follows it, such as JFIF's small picture; nothing of any other."""
    name, length = _JPEG_HEADERS[marker]
    if not content.startswith(name) or len(content) < length:
        return b""
    content = content[:length]
    if marker == 0xE0:
        content = content[:-2] + b"\0\0"  # the small picture's width and height
    return b"\xff" + bytes([marker]) + struct.pack(">H", length + 2) + content


def png_chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG file, with its check sum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _png(data: bytes, exif: bytes) -> bytes:
    kept, at = [PNG_SIGNATURE], len(PNG_SIGNATURE)
    name = b""
    while at + 8 <= len(data) and name != b"IEND":
        (length,) = struct.unpack_from(">I", data, at)
        name = data[at + 4 : at + 8]
        if name in _PNG_KEPT:
            kept.append(data[at : at + 12 + length])
        if name == b"IHDR" and exif:
            kept.append(png_chunk(PNG.exif_name, exif))
        at += 12 + length
    if name != b"IEND":  # decoders do without it
        kept.append(png_chunk(b"IEND", b""))
    return b"".join(kept)


def _webp(data: bytes, exif: bytes) -> bytes:
    end = min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    body = webp_flagged(_webp_kept(data[12:end]), 0)
    if exif:
        body = webp_flagged(body, _WEBP_HAS_EXIF) + webp_chunk(WEBP.exif_name, exif)
    return webp_file(body)


def _webp_kept(chunks: bytes) -> bytes:
    """The known ones of a file's or a frame's chunks."""
    kept, at = [], 0
    while at + 8 <= len(chunks):
        name = chunks[at : at + 4]
        (length,) = struct.unpack_from("<I", chunks, at + 4)
        content = chunks[at + 8 : at + 8 + length]
        if name == b"ANMF":
            kept.append(webp_chunk(name, content[:_FRAME_HEADER] + _webp_kept(content[_FRAME_HEADER:])))
        elif name in _WEBP_KEPT:
            kept.append(chunks[at : at + 8 + length + length % 2])
        at += 8 + length + length % 2
    return b"".join(kept)


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
