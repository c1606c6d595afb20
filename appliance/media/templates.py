"""Template media as drivers need them: bytes by id, read once and kept."""

from __future__ import annotations

import asyncio
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field

from appliance.media.models import TemplateMedia
from appliance.media.store import MediaStore

CACHE_BYTES = 64 * 1024 * 1024


@dataclass(slots=True)
class TemplateCache:
    """The bytes of the template media used last, ``CACHE_BYTES`` at most. A file never changes."""

    media: MediaStore
    _kept: OrderedDict[uuid.UUID, bytes] = field(default_factory=OrderedDict)
    _size: int = 0

    async def read(self, row: TemplateMedia) -> bytes:
        """The file behind ``row``; raises ``FileNotFoundError``."""
        kept = self._kept.get(row.id)
        if kept is not None:
            self._kept.move_to_end(row.id)
            return kept
        data = await asyncio.to_thread(self.media.path(row.storage_key).read_bytes)
        if row.id not in self._kept:  # another photo may have been quicker
            self._kept[row.id] = data
            self._size += len(data)
        while self._size > CACHE_BYTES and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._size -= len(dropped)
        return data
