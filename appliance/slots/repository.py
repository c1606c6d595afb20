"""Reads and writes slots inside the caller's session."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from appliance.core.db import Repository
from appliance.media.models import TemplateMedia
from appliance.slots.models import Slot, SlotTemplateMedia, SlotVersion


class SlotRepository(Repository):
    """The table ``slot``."""

    async def get(self, slot_id: str) -> Slot | None:
        """One slot, or ``None``."""
        return await self._session.get(Slot, slot_id)

    async def lock(self, slot_id: str) -> Slot | None:
        """One slot, kept from other changes until the commit."""
        return await self._session.get(Slot, slot_id, with_for_update=True)

    async def bindings(self) -> dict[str, dict[str, uuid.UUID]]:
        """The template media of every slot by role; slots without any are left out."""
        rows = await self._session.execute(
            select(SlotTemplateMedia.slot_id, SlotTemplateMedia.role, SlotTemplateMedia.media_id).order_by(
                SlotTemplateMedia.slot_id, SlotTemplateMedia.role
            )
        )
        found: dict[str, dict[str, uuid.UUID]] = {}
        for slot_id, role, media_id in rows.tuples():
            found.setdefault(slot_id, {})[role] = media_id
        return found

    async def bind(self, slot_id: str, wanted: Mapping[str, uuid.UUID]) -> None:
        """Bind exactly these template media to a slot."""
        await self._session.execute(delete(SlotTemplateMedia).where(SlotTemplateMedia.slot_id == slot_id))
        if wanted:
            await self._session.execute(
                insert(SlotTemplateMedia).values(
                    [{"slot_id": slot_id, "role": role, "media_id": media} for role, media in wanted.items()]
                )
            )

    async def templates(
        self, ids: Collection[uuid.UUID], *, keep: bool = False
    ) -> dict[uuid.UUID, TemplateMedia]:
        """Those of the template media that exist; with ``keep`` none is deleted before the commit."""
        if not ids:
            return {}
        query = select(TemplateMedia).where(TemplateMedia.id.in_(ids))
        if keep:
            query = query.with_for_update(read=True, key_share=True)
        return {row.id: row for row in await self._session.scalars(query)}

    async def users_of(self, media_id: uuid.UUID) -> list[tuple[str, str]]:
        """The slots that use a template media, each with the role it plays there."""
        rows = await self._session.execute(
            select(SlotTemplateMedia.slot_id, SlotTemplateMedia.role)
            .where(SlotTemplateMedia.media_id == media_id)
            .order_by(SlotTemplateMedia.slot_id, SlotTemplateMedia.role)
        )
        return list(rows.tuples())

    async def keep_version(
        self, slot_id: str, version: int, config: dict[str, Any], saved_by: str, saved_at: datetime
    ) -> None:
        """Write a version into the history, unless it stands there already."""
        await self._session.execute(
            insert(SlotVersion)
            .values(slot_id=slot_id, version=version, config=config, saved_by=saved_by, saved_at=saved_at)
            .on_conflict_do_nothing()
        )

    async def versions(self, slot_id: str) -> list[SlotVersion]:
        """The versions in the history, the newest first."""
        return list(
            await self._session.scalars(
                select(SlotVersion).where(SlotVersion.slot_id == slot_id).order_by(SlotVersion.version.desc())
            )
        )

    async def version(self, slot_id: str, version: int) -> SlotVersion | None:
        """One version, or ``None``."""
        return await self._session.get(SlotVersion, (slot_id, version))

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
