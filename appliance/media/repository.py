"""Reads and writes template media inside the caller's session."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from appliance.core.db import Repository
from appliance.media.models import TemplateMedia


class TemplateMediaRepository(Repository):
    """The table ``template_media``."""

    async def all(self) -> list[TemplateMedia]:
        """All of them by name."""
        by_name = (func.lower(TemplateMedia.name), TemplateMedia.created_at)
        return list(await self._session.scalars(select(TemplateMedia).order_by(*by_name)))

    async def get(self, media_id: uuid.UUID) -> TemplateMedia | None:
        """One, or ``None``."""
        return await self._session.get(TemplateMedia, media_id)

    async def lock(self, media_id: uuid.UUID) -> TemplateMedia | None:
        """One, which no slot can be given until the commit; ``None`` if there is none."""
        return await self._session.get(TemplateMedia, media_id, with_for_update=True)

    async def of_digest(self, sha256: str) -> TemplateMedia | None:
        """The one that was registered from the same bytes."""
        found = await self._session.scalars(select(TemplateMedia).where(TemplateMedia.sha256 == sha256))
        return found.one_or_none()

    async def insert(self, **values: Any) -> bool:
        """Add one; ``False`` if the same bytes were registered before."""
        added = await self._session.scalar(
            insert(TemplateMedia)
            .values(**values)
            .on_conflict_do_nothing(index_elements=[TemplateMedia.sha256])
            .returning(TemplateMedia.id)
        )
        return added is not None

    async def remove(self, row: TemplateMedia) -> None:
        """Delete one; the database refuses while a slot uses it."""
        await self._session.delete(row)
        await self._session.flush()
