"""What a picture is, by its bytes; and the guest's photo made ready to be sent.

Decoding runs in small pools of threads: libvips releases the interpreter while it works.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import pyvips
import structlog

from appliance.core import jpeg
from appliance.core.apart import ApartFailed, apart
from appliance.core.colours import into_srgb
from appliance.core.decoding import (
    DamagedPicture,
    PictureHeader,
    header,
    is_plain,
    load,
    must_be_whole,
    of_whole,
    orientation_of,
)
from appliance.core.decoding_memory import ORDINARY, DecodingMemory, decoding_memory
from appliance.core.errors import DamagedImage, ImageTooManyPixels, UnsupportedMediaType
from appliance.core.files import storage_errors
from appliance.core.images import (
    JPEG,
    PICTURE_TYPES,
    PNG,
    SNIFF_BYTES,
    EncodedImage,
    FileImage,
    PictureType,
    sniff,
)
from appliance.core.language import Message
from appliance.core.tasks import begin
from appliance.media.metadata import cleaned, strip

T = TypeVar("T")
log = structlog.get_logger()

SENT_QUALITY = 92
_FULL_QUALITY = 95  # of a picture that has to be encoded again at its full size: nothing of it is seen


@dataclass(frozen=True, slots=True)
class PhotoInfo:
    """A checked picture: its type by its bytes, its size in pixels once turned upright."""

    media_type: str
    width: int
    height: int
    decoded_bytes: int = field(default=0, compare=False)
    plain: bool = field(default=False, compare=False)  # its file is what every provider takes
    sent: SmallerPhoto | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class SmallerPhoto:
    """A photo made ready to be sent while it was checked: no side over ``max_side`` pixels."""

    max_side: int
    picture: EncodedImage


def header_blocking(path: Path, max_pixels: int) -> PictureHeader:
    """The first half of ``Imaging.receive``: what the header says, if that may be decoded at all."""
    data = path.read_bytes()
    kind = sniff(data[:SNIFF_BYTES])
    try:
        head = header(data, kind)
        lossless = kind is JPEG and jpeg.is_lossless(data)
    except (DamagedPicture, ValueError) as error:
        raise DamagedImage from error
    if lossless:
        raise UnsupportedMediaType(Message("This is a lossless JPEG. Set the camera to ordinary JPEG."))
    if head.bits != 8:
        raise UnsupportedMediaType(
            Message("This is a %(bits)s-bit JPEG. Set the camera to 8-bit JPEG.", bits=head.bits)
        )
    if beyond := head.beyond(max_pixels):
        raise ImageTooManyPixels(
            Message("%(beyond)s Set 'Max image size' in the booth software.", beyond=beyond)
        )
    return head


def clean_blocking(path: Path, head: PictureHeader, max_side: int | None = None) -> PhotoInfo:
    """The second half: decoded once, and written anew without what is nobody's business."""
    data = path.read_bytes()
    kind = sniff(data[:SNIFF_BYTES])
    clean = _clean(data, kind, head.orientation)
    try:
        if head.decoded_bytes > ORDINARY:
            sent = apart(_checked, clean, kind.media_type, head, max_side)
        else:
            sent = _checked(clean, kind.media_type, head, max_side)
    except DamagedPicture as error:
        raise DamagedImage from error
    except ApartFailed as error:
        log.warning("picture.not_decoded", why=str(error), decoded_bytes=head.decoded_bytes)
        raise DamagedImage from error
    if clean != data:
        beside = path.with_name(f"{path.name}.clean")  # the file may have another name, of a kept photo
        beside.write_bytes(clean)
        beside.replace(path)
    return PhotoInfo(kind.media_type, *head.size, head.decoded_bytes, head.plain, sent)


def _clean(data: bytes, kind: PictureType, orientation: int) -> bytes:
    """``data`` without metadata: what is checked is what is kept, and its structure is followed once."""
    try:
        return cleaned(data, kind.media_type, orientation)
    except ValueError as error:
        raise DamagedImage from error


def _checked(data: bytes, media_type: str, head: PictureHeader, max_side: int | None) -> SmallerPhoto | None:
    """Raises ``DamagedPicture``; what is to be sent comes of the same decoding."""
    kind, end = PICTURE_TYPES[media_type], len(data) - len(jpeg.END)
    if max_side is None:
        must_be_whole(data, kind, end)
        return None
    make = partial(_jpeg_of, max_side=max_side, quality=SENT_QUALITY)
    made = of_whole(data, kind, make, shrink=head.shrink(max_side), end=end)
    return SmallerPhoto(max_side, EncodedImage(made, JPEG.media_type))


def encode_blocking(path: Path, max_side: int, quality: int) -> bytes:
    """``path`` as an upright sRGB JPEG without metadata, no side over ``max_side`` pixels."""
    data = path.read_bytes()
    kind = sniff(data[:SNIFF_BYTES])
    options = {"shrink": header(data, kind).shrink(max_side)} if kind is JPEG else {}
    return _jpeg_of(load(data, kind, **options), max_side, quality)


def _jpeg_of(image: pyvips.Image, max_side: int, quality: int) -> bytes:
    image = image.thumbnail_image(max_side, height=max_side, size="down", **into_srgb(image))
    if image.hasalpha():
        image = image.flatten(background=[255, 255, 255])
    data: bytes = image.jpegsave_buffer(Q=quality, keep="none")  # own tables: twice the time, 2 % smaller
    return data


def for_sending(picture: EncodedImage) -> EncodedImage:
    """``picture`` as every provider takes it: upright sRGB, 8 bits, JPEG or PNG, the first frame.

    One that is all that already loses its metadata and nothing else. Blocking.
    """
    image = load(picture.data, picture.kind)
    if is_plain(image, picture.data, picture.kind):
        return EncodedImage(strip(picture.data, picture.media_type), picture.media_type)
    longest = max(image.width, image.height)
    plain = strip(picture.data, picture.media_type, orientation_of(image))
    image = pyvips.Image.thumbnail_buffer(plain, longest, height=longest, size="down", **into_srgb(image))
    image = image.colourspace("srgb").cast("uchar")
    if image.hasalpha() or picture.kind is PNG:
        return EncodedImage(image.pngsave_buffer(keep="none"), PNG.media_type)
    return EncodedImage(image.jpegsave_buffer(Q=_FULL_QUALITY, keep="none"), JPEG.media_type)


class Imaging:
    """The threads that picture work runs in: those of photos, and one or two apart for pages.

    They have one priority: libvips shares its own threads among all, and these keep the priority
    of whoever made them begin. Large photos are decoded one after the other, in a process that steps
    back (``core/apart.py``), and take no thread from others.
    """

    def __init__(self, workers: int | None = None, memory: int | None = None) -> None:
        cores = os.cpu_count() or 2
        self._photos = ThreadPoolExecutor(workers or min(4, cores), thread_name_prefix="imaging")
        self._memory = DecodingMemory(memory) if memory else decoding_memory()
        self._large = ThreadPoolExecutor(1, thread_name_prefix="imaging-large")
        self._pages = ThreadPoolExecutor(max(1, min(2, cores // 2)), thread_name_prefix="imaging-pages")

    async def run_for_page(self, decoded_bytes: int, work: Callable[..., T], *args: object) -> T:
        """Like ``run``, for a page: a gallery that is opened takes no thread from a photo."""
        return await self._memory.run(self._pages, decoded_bytes, work, *args)

    async def run(self, decoded_bytes: int, work: Callable[..., T], *args: object) -> T:
        """``work(*args)`` for a photo that somebody waits for, in one of its threads: it decodes so many
        bytes, and begins when there is memory for them.
        """
        threads = self._large if decoded_bytes > ORDINARY else self._photos
        return await self._memory.run(threads, decoded_bytes, work, *args)

    async def receive(self, path: Path, max_pixels: int, max_side: int | None = None) -> PhotoInfo:
        """Check that ``path`` is a whole picture of at most ``max_pixels``, and clean the file.

        The size is read from the header and judged before anybody waits and anything is decoded; then the
        file is decoded once, which finds truncated and broken data, and makes the photo of ``max_side``
        pixels that will be sent. What remains is the picture and how it must be turned: no position, no
        maker's notes, no video.
        Raises ``UnsupportedMediaType``, ``NotAnImage``, ``DamagedImage`` or ``ImageTooManyPixels``.
        """
        with storage_errors():
            head = await asyncio.to_thread(header_blocking, path, max_pixels)
            return await self.run(head.decoded_bytes, clean_blocking, path, head, max_side)

    def close(self) -> None:
        """Give back the threads."""
        for pool in (self._photos, self._large, self._pages):
            pool.shutdown(wait=False, cancel_futures=True)


class Photo:
    """The guest's photo as drivers see it (``providers.base.GuestPhoto``)."""

    def __init__(self, path: Path, info: PhotoInfo, imaging: Imaging) -> None:
        self.path = path
        self.media_type = info.media_type
        self.width = info.width
        self.height = info.height
        self._decoded_bytes = info.decoded_bytes
        self._plain = info.plain
        self._sent = info.sent
        self._imaging = imaging
        self._made: dict[tuple[int | None, int], asyncio.Task[EncodedImage]] = {}

    async def encoded(self, max_side: int | None, quality: int = SENT_QUALITY) -> EncodedImage:
        """The photo ready to be sent; made once for each size, however many attempts need it."""
        if self._sent and (max_side, quality) == (self._sent.max_side, SENT_QUALITY):
            return self._sent.picture
        wanted = (max_side, quality)
        if wanted not in self._made:
            making = self._imaging.run(self._decoded_bytes, self._encode, max_side, quality)
            self._made[wanted] = begin(making)
        return await asyncio.shield(self._made[wanted])

    def _encode(self, max_side: int | None, quality: int) -> EncodedImage:
        with storage_errors():
            self.path.stat()  # libvips would call it damaged when its disk is away
        if max_side is None:
            if self._plain:
                return FileImage(self.path, self.media_type)
            return for_sending(EncodedImage(self.path.read_bytes(), self.media_type))
        return EncodedImage(encode_blocking(self.path, max_side, quality), JPEG.media_type)
