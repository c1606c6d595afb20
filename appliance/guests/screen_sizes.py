"""Pictures at the size of a screen, made and kept as previews are."""

from __future__ import annotations

import asyncio
import uuid
from functools import partial
from pathlib import Path

import pyvips

from appliance.core.colours import srgb_thumbnail
from appliance.core.decoding import orientation_of, upright
from appliance.core.errors import ResultNotFound
from appliance.core.images import JPEG, PNG, WEBP, PictureType
from appliance.core.newest import Newest
from appliance.media.previews import Previews
from appliance.media.store import RESULT, SCREEN_WIDTHS, MediaStore

_REMEMBERED = 5000
_SAVED_WITH: dict[PictureType, dict[str, int | bool]] = {
    WEBP: {"Q": 80, "effort": 3},
    JPEG: {"Q": 82, "optimize_coding": True, "interlace": True},
    PNG: {},
}


def width_for(wanted: int) -> int:
    """The smallest of our widths that is enough for ``wanted`` pixels."""
    return next((width for width in SCREEN_WIDTHS if width >= wanted), SCREEN_WIDTHS[-1])


def type_for(accept: str) -> PictureType:
    """WebP for browsers that say so, else JPEG."""
    return WEBP if WEBP.media_type in accept else JPEG


class ScreenSizes:
    """Makes and finds the screen sizes under ``previews/``."""

    def __init__(self, media: MediaStore, previews: Previews) -> None:
        self._media = media
        self._previews = previews
        self._sizes: Newest[str, tuple[int, int]] = Newest(_REMEMBERED)

    async def screen(
        self, job_id: uuid.UUID, key: str, width: int, kind: PictureType, *, part: str = RESULT
    ) -> str:
        """The key of ``key``'s picture at ``width``; raises like ``require``.

        ``part`` tells a guest's own photo (``OWN_PHOTO``) from its result (``RESULT``).
        """
        name = f"previews/{job_id}.{part}{width_for(width)}.{kind.extension}"
        await self._ready(name, key, width_for(width), kind)
        return name

    async def logo(self, media_id: str, key: str) -> str:
        """The key of the event's logo, small and as PNG."""
        name = f"previews/logo-{media_id}.{PNG.extension}"
        await self._ready(name, key, 480, PNG)
        return name

    async def _ready(self, name: str, key: str, width: int, kind: PictureType) -> None:
        try:
            await self._previews.ready(name, key, partial(_resized, width=width, kind=kind))
        except FileNotFoundError as error:
            raise ResultNotFound from error

    async def require(self, key: str) -> None:
        """Raise ``ResultNotFound`` if a picture's file is gone, ``StorageFull`` while its disk is away."""
        if await asyncio.to_thread(self._media.is_missing, key):
            raise ResultNotFound

    async def size(self, key: str) -> tuple[int, int]:
        """Width and height of a picture; raises like ``require``."""
        await self.require(key)
        if (size := self._sizes.get(key)) is None:
            try:
                size = await asyncio.to_thread(_size, self._media.path(key))  # a header: quickly read
            except pyvips.Error as error:
                raise ResultNotFound from error
            self._sizes[key] = size
        return size


def _resized(original: Path, width: int, kind: PictureType) -> bytes:
    image = srgb_thumbnail(original, width, height=10_000, size="down", fail_on="error")
    if image.hasalpha() and not kind.transparent:
        image = image.flatten(background=[255, 255, 255])
    data: bytes = image.write_to_buffer(kind.saver, keep="none", **_SAVED_WITH[kind])
    return data


def _size(path: Path) -> tuple[int, int]:
    image = pyvips.Image.new_from_file(str(path), access="sequential")
    return upright(image.width, image.height, orientation_of(image))
