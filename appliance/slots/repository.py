"""Reads and writes slots inside the caller's session."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.media.models import TemplateMedia
from appliance.slots.models import Slot, SlotTemplateMedia


class SlotRepository:
    """The table ``slot``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, slot_id: str) -> Slot | None:
        """One slot, or ``None``."""
        return await self._session.get(Slot, slot_id)

    async def bound_templates(self, slot_id: str) -> list[tuple[str, TemplateMedia]]:
        """The slot's template media with their roles."""
        rows = await self._session.execute(
            select(SlotTemplateMedia.role, TemplateMedia)
            .join(TemplateMedia, TemplateMedia.id == SlotTemplateMedia.media_id)
            .where(SlotTemplateMedia.slot_id == slot_id)
            .order_by(SlotTemplateMedia.role)
        )
        return [(role, row) for role, row in rows.tuples()]

    async def all(self) -> list[Slot]:
        """All slots in order."""
        return list(await self._session.scalars(select(Slot).order_by(Slot.slot_id)))

    async def insert_missing(self, rows: list[dict[str, Any]]) -> list[str]:
        """Insert the slots that do not exist yet; returns the ids that were inserted."""
        if not rows:
            return []
        inserted = await self._session.scalars(
            insert(Slot).values(rows).on_conflict_do_nothing().returning(Slot.slot_id)
        )
        return sorted(inserted)
