"""Whether a picture is whole: decoded once, and what is damaged is found out. Blocking."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import pyvips

from appliance.core import jpeg
from appliance.core.colours import has_srgb_profile
from appliance.core.images import JPEG, SNIFF_BYTES, WEBP, PictureType, type_of
from appliance.core.language import Message
from appliance.core.one_pass import SPARE_BYTES, in_one_pass

T = TypeVar("T")

_SHRINK = 8  # JPEGs are decoded this much smaller: all of the data is read, little of it is kept
# Reading to the end marker first needs memory for the whole picture: 84 MB for 24 million pixels.
# +50 ms there (2 cores, 2026-11-26). Larger pictures are checked row by row only.
_MOST_READ_TO_THE_END = 32_000_000
_TURNED = (5, 6, 7, 8)
LONGEST_SIDE = 16_384  # pixels; no camera makes more, and one row of it costs little memory
# Decoded bytes that a pixel may take where the picture has as many as are allowed: three colours, twice
# (progressive), or of two bytes each. Small pictures may take more.
_BYTES_OF_PIXEL = 6
_ALWAYS_TAKEN = 64_000_000
_SAMPLE_BYTES = {"uchar": 1, "ushort": 2}
# libjpeg's warnings that no pixel is missing; all others say that some are.
_HARMLESS = (
    "Unknown Adobe",
    "bad ICC",
    "Inconsistent progression",
    "Invalid SOS",
    "extraneous bytes",
    "unknown JFIF",
)
_LOST = ("premature end", "bad Huffman", "bad arithmetic", "instead of RST")
# libvips has one text of errors for all threads, and who fails first takes all of it: warnings are told apart
# in one thread at a time, and looked for again where another failure took the text.
_ONE_AT_A_TIME = threading.Lock()
_TRIES = 3
_SPARE = re.compile(r"(\d+) extraneous bytes")
# A WebP that was cut off and filled up has zeros for a good part of its bytes. One wholly in one colour has
# them for 5.4 % (measured with 1 to 24 million pixels, 2026-11-26), any other for less.
_HOLE_SHARE = 0.1
_HOLE = re.compile(rb"\0{256,}")
_ANIMATED = 0b0000_0010


class DamagedPicture(Exception):
    """The picture cannot be decoded to its end as it was taken."""


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """What the head of a picture says: its stored size, and how it must be turned to be upright."""

    stored_width: int
    stored_height: int
    orientation: int
    bits: int = 8
    decoded_bytes: int = 0  # in memory at the same time, at most
    plain: bool = False  # upright sRGB of 8 bits, in a type that every provider takes

    @property
    def pixels(self) -> int:
        """How many there are."""
        return self.stored_width * self.stored_height

    def beyond(self, max_pixels: int) -> Message | None:
        """What it has too much of, naming the limit; ``None`` where nothing."""
        longest = max(self.stored_width, self.stored_height)
        most_bytes = max(_ALWAYS_TAKEN, max_pixels * _BYTES_OF_PIXEL)
        if self.pixels > max_pixels:
            return Message(
                "The picture has %(has)s million pixels, the limit is %(most)s.",
                has=f"{self.pixels / 1e6:.0f}",
                most=f"{max_pixels / 1e6:.0f}",
            )
        if longest > LONGEST_SIDE:
            return Message(
                "The picture is %(has)s pixels long on one side, the limit is %(most)s.",
                has=f"{longest:,}",
                most=f"{LONGEST_SIDE:,}",
            )
        if self.decoded_bytes > most_bytes:
            return Message(
                "The picture takes %(has)s MB of memory, the limit is %(most)s: it is interlaced, "
                "progressive or has 16 bits.",
                has=f"{self.decoded_bytes / 1e6:.0f}",
                most=f"{most_bytes / 1e6:.0f}",
            )
        return None

    def shrink(self, max_side: int) -> int:
        """How many times smaller a JPEG may be decoded: less work, and no row is read less."""
        longest = max(self.stored_width, self.stored_height)
        return next((by for by in (8, 4, 2) if longest >= by * max_side), 1)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height once turned upright."""
        return upright(self.stored_width, self.stored_height, self.orientation)


def header(data: bytes, kind: PictureType) -> PictureHeader:
    """The head of ``data``; no pixel is decoded. Raises ``DamagedPicture``."""
    try:
        image = load(data, kind)
        orientation = orientation_of(image)
        bits = jpeg.bits(data) if kind is JPEG else 8
        plain = is_plain(image, data, kind)
    except (pyvips.Error, ValueError) as error:
        raise DamagedPicture from error
    return PictureHeader(image.width, image.height, orientation, bits, _decoded_bytes(image), plain)


def decoded_bytes_of(data: bytes) -> int:
    """What it takes in memory to decode ``data``, at most; 0 where its head cannot be read."""
    kind = type_of(data[:SNIFF_BYTES])
    try:
        return header(data, kind).decoded_bytes if kind else 0
    except DamagedPicture:
        return 0


def orientation_of(image: pyvips.Image) -> int:
    """How it must be turned; 1 is upright."""
    return int(image.get("orientation")) if image.get_typeof("orientation") else 1


def upright(width: int, height: int, orientation: int) -> tuple[int, int]:
    """Width and height of a picture once it is turned."""
    return (height, width) if orientation in _TURNED else (width, height)


def is_plain(image: pyvips.Image, data: bytes, kind: PictureType) -> bool:
    """Whether its file is what every provider takes: upright, of 8 bits, sRGB, an ordinary JPEG or PNG."""
    return (
        kind is not WEBP
        and not (kind is JPEG and jpeg.is_arithmetic(data))
        and orientation_of(image) == 1
        and image.format == "uchar"
        and (image.interpretation == "srgb" or (image.interpretation == "b-w" and image.bands == 1))
        and has_srgb_profile(image)
    )


def _decoded_bytes(image: pyvips.Image) -> int:
    """One frame of it; what comes in several passes is held twice."""
    size = image.width * image.height * image.bands * _SAMPLE_BYTES.get(image.format, 4)
    return int(size * 2 if image.get_typeof("interlaced") else size)


def load(data: bytes, kind: PictureType, **options: object) -> pyvips.Image:
    """``data`` by its type's own loader, to be read once from top to bottom."""
    return getattr(pyvips.Image, kind.loader)(data, access="sequential", **options)


def must_be_whole(data: bytes, kind: PictureType, end: int | None = None) -> None:
    """Decode ``data`` once. Raises ``DamagedPicture``; a JPEG without its end marker is none."""
    of_whole(data, kind, lambda image: image.avg(), shrink=_SHRINK, end=end)


def of_whole(
    data: bytes,
    kind: PictureType,
    work: Callable[[pyvips.Image], T],
    *,
    shrink: int,
    end: int | None,
) -> T:
    """What ``work`` makes of ``data``, every row of which it must read; it may be asked twice.

    Usually that reading is also what finds damage, so that a JPEG is decoded once. ``shrink`` is for
    JPEGs: how many times smaller one is decoded (1, 2, 4 or 8); ``end`` is where its end marker stands, if
    that is known. Raises ``DamagedPicture``.
    """
    try:
        if kind is not JPEG:
            _must_be_whole(data, kind)
            return work(load(data, kind))
        if end is None:
            data = jpeg.without_padding(data)
            end = jpeg.end_of(data)
        whole = data if end is not None else data + jpeg.END
        ends = end if end is not None else len(data)
        if (made := in_one_pass(whole, ends, shrink, work)) is not None:
            return made
        _decode_jpeg(whole)
        return work(load(data, kind, shrink=shrink))
    except (pyvips.Error, ValueError) as error:
        raise DamagedPicture from error


def _must_be_whole(data: bytes, kind: PictureType) -> None:
    if kind is WEBP and _has_hole(data):
        raise DamagedPicture("zeros")
    load(data, kind, fail_on="error").avg()


def _has_hole(data: bytes) -> bool:
    """Whether a still WebP has a run of zeros in it; the frames of an animation may have some."""
    animated = data[12:16] == b"VP8X" and bool(data[20] & _ANIMATED)
    return not animated and any(len(run[0]) >= len(data) * _HOLE_SHARE for run in _HOLE.finditer(data))


def _decode_jpeg(data: bytes) -> None:
    """Decode with libjpeg's warnings as errors; only the first one is told, so harmless ones end it."""
    image = load(data, JPEG)
    to_end = image.width * image.height <= _MOST_READ_TO_THE_END
    with _ONE_AT_A_TIME:
        warning = _warning(jpeg.read_to_the_end(data) if to_end else data)
    if warning is None:
        return
    text = str(warning)
    if not _names(text, _HARMLESS) or _names(text, _LOST):
        raise warning
    load(data, JPEG, shrink=_SHRINK, fail_on="error").avg()
    spare = _SPARE.search(text)
    if spare and int(spare[1]) > SPARE_BYTES:
        _decode_without_padding(data, warning)


def _warning(data: bytes) -> pyvips.Error | None:
    """What a decoder warns of first."""
    failure = None
    for _ in range(_TRIES):
        try:
            _decode_strictly(data)
        except pyvips.Error as error:
            failure = error
            if _names(str(error), _HARMLESS) != _names(str(error), _LOST):
                break
    return failure


def _names(text: str, warnings: tuple[str, ...]) -> bool:
    return any(warning in text for warning in warnings)


def _decode_without_padding(data: bytes, warning: pyvips.Error) -> None:
    """Zeros between the last of the picture and its end marker are padding, if nothing lacks without them."""
    ends = [segment.start for segment in jpeg.segments(data) if segment.marker == jpeg.EOI]
    filled = data[: ends[0]]
    trimmed = filled.rstrip(b"\0")
    if len(trimmed) == len(filled):
        raise warning
    _decode_strictly(jpeg.read_to_the_end(trimmed + jpeg.END))


def _decode_strictly(data: bytes) -> None:
    load(data, JPEG, shrink=_SHRINK, fail_on="warning").avg()
