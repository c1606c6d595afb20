"""What a picture is, by its bytes; and the guest's photo made ready to be sent.

Decoding runs in small pools of threads: libvips releases the interpreter while it works.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pyvips

from appliance.core.errors import ImageTooManyPixels, NotAnImage
from appliance.core.images import SNIFF_BYTES, EncodedImage, sniff

T = TypeVar("T")

_CHECK_SIDE = 64  # decoding to this size reads the whole file but keeps little of it

_LOADERS = {"image/jpeg": "jpegload", "image/png": "pngload", "image/webp": "webpload"}


@dataclass(frozen=True, slots=True)
class PhotoInfo:
    """A checked picture: its type by its bytes, its size in pixels once turned upright."""

    media_type: str
    width: int
    height: int


def inspect_blocking(path: Path, max_pixels: int) -> PhotoInfo:
    """Check that ``path`` is a whole picture of at most ``max_pixels``.

    The size is read from the header and judged before anything is decoded; then the file is
    decoded once to a small copy, which finds truncated and broken data.
    Raises ``UnsupportedMediaType``, ``NotAnImage`` or ``ImageTooManyPixels``.
    """
    with path.open("rb") as file:
        media_type = sniff(file.read(SNIFF_BYTES))
    load = getattr(pyvips.Image, _LOADERS[media_type])
    try:
        header = load(str(path), access="sequential")
        pixels = header.width * header.height
        if pixels > max_pixels:
            raise ImageTooManyPixels(
                f"The picture has {pixels / 1e6:.0f} million pixels, the limit is {max_pixels / 1e6:.0f}. "
                "Set 'Max image size' in the booth software."
            )
        turned = header.get_typeof("orientation") != 0 and header.get("orientation") in (5, 6, 7, 8)
        pyvips.Image.thumbnail(str(path), _CHECK_SIDE, fail_on="error", no_rotate=True).copy_memory()
    except pyvips.Error as error:
        raise NotAnImage(
            "The picture is damaged or was cut off on the way. Take it again, or check the network."
        ) from error
    width, height = (header.height, header.width) if turned else (header.width, header.height)
    return PhotoInfo(media_type, width, height)


def encode_blocking(path: Path, max_side: int, quality: int) -> bytes:
    """``path`` as an upright sRGB JPEG without metadata, no side over ``max_side`` pixels."""
    image = pyvips.Image.thumbnail(str(path), max_side, height=max_side, size="down", export_profile="srgb")
    if image.hasalpha():
        image = image.flatten(background=[255, 255, 255])
    data: bytes = image.jpegsave_buffer(Q=quality, keep="none", optimize_coding=True)
    return data


class Imaging:
    """The threads that picture work runs in: those of photos, and one or two apart for pages.

    They have one priority: libvips shares its own threads among all, and these keep the priority
    of whoever made them begin.
    """

    def __init__(self, workers: int | None = None) -> None:
        pyvips.cache_set_max(0)  # every photo is new: a cache of operations would only hold memory
        cores = os.cpu_count() or 2
        self._photos = ThreadPoolExecutor(workers or min(4, cores), thread_name_prefix="imaging")
        self._pages = ThreadPoolExecutor(max(1, min(2, cores // 2)), thread_name_prefix="imaging-pages")

    async def run(self, work: Callable[..., T], *args: object) -> T:
        """``work(*args)`` for a photo that somebody waits for, in one of its threads."""
        return await asyncio.get_running_loop().run_in_executor(self._photos, work, *args)

    async def run_for_page(self, work: Callable[..., T], *args: object) -> T:
        """``work(*args)`` for a page: a gallery that is opened keeps no photo waiting."""
        return await asyncio.get_running_loop().run_in_executor(self._pages, work, *args)

    async def inspect(self, path: Path, max_pixels: int) -> PhotoInfo:
        """``inspect_blocking`` in a thread."""
        return await self.run(inspect_blocking, path, max_pixels)

    def close(self) -> None:
        """Give back the threads."""
        for pool in (self._photos, self._pages):
            pool.shutdown(wait=False, cancel_futures=True)


class Photo:
    """The guest's photo as drivers see it (``providers.base.GuestPhoto``)."""

    def __init__(self, path: Path, info: PhotoInfo, imaging: Imaging) -> None:
        self.path = path
        self.media_type = info.media_type
        self.width = info.width
        self.height = info.height
        self._imaging = imaging
        self._made: dict[tuple[int, int], asyncio.Task[bytes]] = {}

    async def encoded(self, max_side: int | None, quality: int = 92) -> EncodedImage:
        """The photo ready to be sent; made once for each size, however many attempts need it."""
        if max_side is None:
            return EncodedImage(await asyncio.to_thread(self.path.read_bytes), self.media_type)
        wanted = (max_side, quality)
        if wanted not in self._made:
            self._made[wanted] = asyncio.create_task(
                self._imaging.run(encode_blocking, self.path, max_side, quality)
            )
        return EncodedImage(await asyncio.shield(self._made[wanted]), "image/jpeg")
