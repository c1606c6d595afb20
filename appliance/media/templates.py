"""Template media as drivers need them: by id, read and made ready to be sent once, and kept."""

from __future__ import annotations

import asyncio
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field

import pyvips
import structlog

from appliance.core.images import EncodedImage
from appliance.media.imaging import for_sending
from appliance.media.models import TemplateMedia
from appliance.media.store import MediaStore

log = structlog.get_logger()

CACHE_BYTES = 64 * 1024 * 1024


@dataclass(slots=True)
class TemplateCache:
    """The template media used last, ``CACHE_BYTES`` at most. A file never changes."""

    media: MediaStore
    _kept: OrderedDict[uuid.UUID, EncodedImage] = field(default_factory=OrderedDict)
    _size: int = 0

    async def read(self, row: TemplateMedia) -> EncodedImage:
        """The picture behind ``row`` as every provider takes it; raises ``FileNotFoundError``."""
        kept = self._kept.get(row.id)
        if kept is not None:
            self._kept.move_to_end(row.id)
            return kept
        made = await asyncio.to_thread(self._converted, row)
        if row.id not in self._kept:  # another photo may have been quicker
            self._kept[row.id] = made
            self._size += len(made.data)
        while self._size > CACHE_BYTES and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._size -= len(dropped.data)
        return made

    def _converted(self, row: TemplateMedia) -> EncodedImage:
        """As ``read``; the file itself is handed on where it cannot be decoded any more."""
        picture = EncodedImage(self.media.path(row.storage_key).read_bytes(), row.media_type)
        try:
            return for_sending(picture)
        except pyvips.Error as error:
            log.warning("template.not_converted", id=str(row.id), error=str(error).split("\n")[0])
            return picture
