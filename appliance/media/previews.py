"""Small pictures for pages: made once, kept as files, sharp on retina screens."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pyvips

from appliance.media.imaging import Imaging
from appliance.media.store import MediaStore

SIDE = 320  # pixels; shown at 160
MEDIA_TYPE = "image/webp"
_QUALITY = 80


def job_preview(job_id: object) -> str:
    """The key of a result's preview."""
    return f"previews/{job_id}.webp"


def template_preview(media_id: object) -> str:
    """The key of a template's preview."""
    return f"previews/template-{media_id}.webp"


def small_blocking(path: Path, *, square: bool) -> bytes:
    """``path`` as a small WebP: cropped to a square around what matters, or whole."""
    if square:
        image = pyvips.Image.thumbnail(str(path), SIDE, height=SIDE, crop="attention", export_profile="srgb")
    else:
        image = pyvips.Image.thumbnail(str(path), SIDE, height=SIDE, size="down", export_profile="srgb")
    data: bytes = image.webpsave_buffer(Q=_QUALITY, keep="none")
    return data


class Previews:
    """Finds a preview or makes it, once for all who ask at the same time."""

    def __init__(self, media: MediaStore, imaging: Imaging) -> None:
        self._media = media
        self._imaging = imaging
        self._making: dict[str, asyncio.Task[None]] = {}

    async def ready(self, key: str, source: str, *, square: bool) -> None:
        """See to it that the preview ``key`` of the file ``source`` is there.

        Raises ``FileNotFoundError`` when the file itself has gone, ``StorageFull``.
        """
        if await asyncio.to_thread(self._media.path(key).exists):
            return
        if key not in self._making:
            task = asyncio.create_task(self._make(key, source, square=square))
            self._making[key] = task
            task.add_done_callback(lambda _: self._making.pop(key, None))
        await asyncio.shield(self._making[key])

    async def _make(self, key: str, source: str, *, square: bool) -> None:
        path = self._media.path(source)
        if not await asyncio.to_thread(path.exists):
            raise FileNotFoundError(source)
        try:
            data = await self._imaging.run_for_page(lambda: small_blocking(path, square=square))
        except pyvips.Error as error:  # removed in between, or damaged
            raise FileNotFoundError(source) from error
        await self._media.put(key, data)
