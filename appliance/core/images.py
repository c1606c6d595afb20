"""Picture bytes on their way from one feature to another, and what a file is by its first bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from appliance.core.errors import NotAnImage, UnsupportedMediaType

SNIFF_BYTES = 16  # how much of a file names its type

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_OTHER_TYPES: tuple[tuple[Callable[[bytes], bool], str], ...] = (
    (lambda head: head[:6] in (b"GIF87a", b"GIF89a"), "GIF"),
    (lambda head: head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS, "HEIC"),
    (lambda head: head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis"), "AVIF"),
    (lambda head: head[:4] in (b"II*\0", b"MM\0*"), "TIFF or camera raw"),
    (lambda head: head[:2] == b"BM", "BMP"),
    (lambda head: head[:4] == b"%PDF", "PDF"),
)


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """Picture bytes ready to be sent or stored, with their media type."""

    data: bytes = field(repr=False)
    media_type: str


def sniff(head: bytes) -> str:
    """The media type of a file that starts with ``head`` (``SNIFF_BYTES`` are enough).

    Raises ``UnsupportedMediaType`` for picture types that are not taken, ``NotAnImage`` else.
    """
    if head[:3] == b"\xff\xd8\xff":
        return "image/jpeg"
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return "image/png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    for matches, name in _OTHER_TYPES:
        if matches(head):
            raise UnsupportedMediaType(f"This is a {name} file. Set the booth to send JPEG, PNG or WebP.")
    raise NotAnImage
