"""Picture bytes on their way from one feature to another, and the one table of picture types."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from appliance.core.errors import NotAnImage, UnsupportedMediaType
from appliance.core.files import storage_errors
from appliance.core.language import Message

# The media types of the table below, as a type: for what people choose from.
MediaType = Literal["image/jpeg", "image/png", "image/webp"]
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
SNIFF_BYTES = 256  # how much of a file names its type; 188 of them are one packet of a camcorder


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """Picture bytes ready to be sent or stored, with their media type."""

    data: bytes = field(repr=False)
    media_type: str

    @property
    def content(self) -> bytes | Path:
        """The bytes, or the file that holds them, for whoever can do with that."""
        return self.data

    async def loaded(self) -> EncodedImage:
        """The same in memory, for whoever cannot."""
        return self

    @property
    def kind(self) -> PictureType:
        """The row of the table that this picture belongs to."""
        return PICTURE_TYPES[self.media_type]


class FileImage(EncodedImage):
    """A picture that stays in its file: nobody holds its bytes while a provider works."""

    __slots__ = ("path",)
    path: Path

    def __init__(self, path: Path, media_type: str) -> None:
        object.__setattr__(self, "path", path)
        object.__setattr__(self, "media_type", media_type)

    @property
    def data(self) -> bytes:
        """Read anew each time. Blocking."""
        with storage_errors():
            return self.path.read_bytes()

    @property
    def content(self) -> Path:
        """The file."""
        return self.path

    async def loaded(self) -> EncodedImage:
        """Read in a thread."""
        return EncodedImage(await asyncio.to_thread(lambda: self.data), self.media_type)


@dataclass(frozen=True, slots=True)
class PictureType:
    """A type that is taken, made, stored and delivered.

    ``loader`` is libvips's own for it, named so that no other takes the file (an Ultra HDR JPEG has
    a loader of its own in newer versions); ``saver`` is how libvips is told to write one.
    ``exif_name`` is what the block that holds the orientation is called in such a file.
    """

    name: str
    media_type: str
    extension: str
    loader: str
    exif_name: bytes
    starts: Callable[[bytes], bool]
    transparent: bool = True
    qualities: bool = True

    @property
    def saver(self) -> str:
        """The file ending that makes libvips write this type."""
        return f".{self.extension}"


JPEG = PictureType(
    "JPEG",
    "image/jpeg",
    "jpg",
    "jpegload_buffer",
    b"Exif\0\0",
    lambda head: head[:3] == b"\xff\xd8\xff",
    transparent=False,
)
PNG = PictureType(
    "PNG",
    "image/png",
    "png",
    "pngload_buffer",
    b"eXIf",
    lambda head: head[:8] == PNG_SIGNATURE,
    qualities=False,
)
WEBP = PictureType(
    "WebP",
    "image/webp",
    "webp",
    "webpload_buffer",
    b"EXIF",
    lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP",
)
PICTURE_TYPES = {kind.media_type: kind for kind in (JPEG, PNG, WEBP)}
EXTENSIONS = {kind.media_type: kind.extension for kind in PICTURE_TYPES.values()}


def type_of(head: bytes) -> PictureType | None:
    """The type of a picture by its first bytes; ``None`` for one that is not taken, and for no picture."""
    return next((kind for kind in PICTURE_TYPES.values() if kind.starts(head)), None)


def sniff(head: bytes) -> PictureType:
    """The type of a file that starts with ``head`` (``SNIFF_BYTES`` are enough).

    Raises ``UnsupportedMediaType``, which names the type, for pictures and videos that are not
    taken, ``NotAnImage`` else.
    """
    if (kind := type_of(head)) is not None:
        return kind
    for matches, what in _NOT_TAKEN:
        if matches(head):
            raise UnsupportedMediaType(what)
    raise NotAnImage


def _brands(head: bytes) -> list[bytes]:
    """The brands that the head of an ISO media file names, its own first."""
    if head[4:8] != b"ftyp":
        return []
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return [head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))]


def _still(*names: bytes) -> Callable[[bytes], bool]:
    """Whether a still picture of the HEIF family is of one of ``names``; ``mif1`` tells only in its list."""

    def matches(head: bytes) -> bool:
        brands = _brands(head)
        own = brands[:1]
        return bool(own) and bool(set(brands if own[0] in (b"mif1", b"msf1", b"miaf") else own) & set(names))

    return matches


def _is_transport_stream(head: bytes) -> bool:
    return any(
        head[first : first + 1] == head[first + step : first + step + 1] == b"G"
        for first, step in ((0, 188), (4, 192))
    )


_RAW = Message("This is a camera RAW file. Set the camera's image quality to JPEG, without RAW.")


def _raw(kind: str) -> Message:
    return Message(
        "This is a camera RAW file (%(kind)s). Set the camera's image quality to JPEG, without RAW.",
        kind=kind,
    )


def _other(kind: str) -> Message:
    return Message("This is a %(kind)s file. Set the booth to send JPEG, PNG or WebP.", kind=kind)


_VIDEO = Message("This is a video. Set the camera to take photos, as JPEG.")
_HEIC = Message(
    "This is a HEIC file. Set the phone's camera to 'Most compatible', or the camera to JPEG instead of HEIF."
)
_HEIF_BRANDS = b"heic heix heim heis hevc hevx hevm hevs mif1 msf1 miaf".split()
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_NOT_TAKEN: tuple[tuple[Callable[[bytes], bool], Message], ...] = (
    (lambda head: head[4:12] == b"ftypcrx ", _raw("CR3")),
    (lambda head: head[:4] == b"II*\0" and head[8:10] == b"CR", _raw("CR2")),
    (lambda head: head[:15] == b"FUJIFILMCCD-RAW", _raw("RAF")),
    (lambda head: head[:4] in (b"IIRO", b"IIRS", b"MMOR"), _raw("ORF")),
    (lambda head: head[:4] == b"IIU\0", _raw("RW2")),
    (
        lambda head: head[:4] in (b"FOVb", b"\0MRM") or head[6:14] == b"HEAPCCDR",
        _RAW,
    ),
    (
        lambda head: head[:4] in _TIFF,
        Message(
            "This is a TIFF or camera RAW file (NEF, ARW, DNG). Set the camera's image quality to JPEG, "
            "without RAW."
        ),
    ),
    (_still(b"avif", b"avis"), Message("This is an AVIF file. Set the booth to send JPEG, PNG or WebP.")),
    (_still(*_HEIF_BRANDS), _HEIC),
    (lambda head: head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"), _VIDEO),
    (lambda head: head[:4] == b"RIFF" and head[8:11] == b"AVI", _VIDEO),
    (lambda head: head[:4] in (b"\x1aE\xdf\xa3", b"\0\0\1\xba", b"\0\0\1\xb3", b"FLV\1"), _VIDEO),
    (_is_transport_stream, _VIDEO),
    (
        lambda head: head[:2] == b"\xff\x0a" or head[:12] == b"\0\0\0\x0cJXL \r\n\x87\n",
        _other("JPEG XL"),
    ),
    (lambda head: head[:12] == b"\0\0\0\x0cjP  \r\n\x87\n", _other("JPEG 2000")),
    (lambda head: head[:4] == b"8BPS", Message("This is a Photoshop file (PSD). Export it as JPEG or PNG.")),
    (lambda head: head[:6] in (b"GIF87a", b"GIF89a"), _other("GIF")),
    (lambda head: head[:2] == b"BM", _other("BMP")),
    (lambda head: head[:4] == b"%PDF", _other("PDF")),
)
