"""Smaller pictures for pages: made once when somebody first asks, then kept as files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pyvips

from appliance.core.colours import srgb_thumbnail
from appliance.core.decoding import decoded_bytes_of
from appliance.core.images import WEBP
from appliance.core.tasks import begin
from appliance.media.imaging import Imaging
from appliance.media.store import MediaStore

TYPE = WEBP
SIDE = 320  # pixels; shown at 160, sharp on retina screens
_QUALITY = 80


def job_preview(job_id: object) -> str:
    """The key of a result's preview."""
    return f"previews/{job_id}.{TYPE.extension}"


def template_preview(media_id: object) -> str:
    """The key of a template's preview."""
    return f"previews/template-{media_id}.{TYPE.extension}"


def square(path: Path) -> bytes:
    """``path`` as a small WebP, cropped to a square around what matters."""
    return _webp(srgb_thumbnail(path, SIDE, height=SIDE, crop="attention"))


def whole(path: Path) -> bytes:
    """``path`` as a small WebP, all of it."""
    return _webp(srgb_thumbnail(path, SIDE, height=SIDE, size="down"))


def _webp(image: pyvips.Image) -> bytes:
    data: bytes = image.webpsave_buffer(Q=_QUALITY, keep="none")
    return data


def _decoded_bytes(path: Path) -> int:
    return decoded_bytes_of(path.read_bytes())


class Previews:
    """Finds a smaller picture or makes it, once for all who ask at the same time."""

    def __init__(self, media: MediaStore, imaging: Imaging) -> None:
        self._media = media
        self._imaging = imaging
        self._making: dict[str, asyncio.Task[None]] = {}

    async def ready(self, key: str, source: str, make: Callable[[Path], bytes]) -> None:
        """See to it that ``key`` is there, which ``make`` makes of the file ``source``.

        Raises ``FileNotFoundError`` when the file itself has gone or is damaged, ``StorageFull``.
        """
        if not await asyncio.to_thread(self._media.is_missing, key):
            return
        if key not in self._making:
            task = begin(self._make(key, source, make))
            self._making[key] = task
            task.add_done_callback(lambda _: self._making.pop(key, None))
        await asyncio.shield(self._making[key])

    async def _make(self, key: str, source: str, make: Callable[[Path], bytes]) -> None:
        original = self._media.path(source)
        try:
            size = await asyncio.to_thread(_decoded_bytes, original)
            data = await self._imaging.run_for_page(size, make, original)
        except pyvips.Error as error:
            await asyncio.to_thread(self._media.require_disk)
            raise FileNotFoundError(source) from error
        await self._media.put(key, data)
        if not await asyncio.to_thread(original.exists):  # deleted while we were at it
            await asyncio.to_thread(self._media.remove, key)
            raise FileNotFoundError(source)
