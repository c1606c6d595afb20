"""Reads and writes booth keys inside the caller's session."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, text, update

from appliance.core.db import Repository
from appliance.ingest.booth_keys.models import BoothKey


class BoothKeyRepository(Repository):
    """The table ``booth_key``."""

    async def lock(self) -> None:
        """No other change of the keys until the commit."""
        await self._session.execute(text("lock table booth_key in share row exclusive mode"))

    async def all(self) -> Sequence[BoothKey]:
        """Every key, by name; revoked ones too."""
        return (await self._session.scalars(select(BoothKey).order_by(BoothKey.name, BoothKey.id))).all()

    async def get(self, key_id: uuid.UUID) -> BoothKey | None:
        """One key."""
        return await self._session.get(BoothKey, key_id)

    async def in_force(self, digest: str) -> BoothKey | None:
        """The key of this digest, unless it was revoked."""
        wanted = select(BoothKey).where(BoothKey.digest == digest, BoothKey.revoked_at.is_(None))
        return await self._session.scalar(wanted)

    async def note_seen(self, key_id: uuid.UUID, at: datetime, address: str, slot_id: str) -> None:
        """Note the last upload that brought a key, unless another process has noted a later one. One in the
        future was noted while the clock was ahead.
        """
        known_later = func.coalesce(BoothKey.seen_at.between(at, func.now()), False)
        await self._session.execute(
            update(BoothKey)
            .where(BoothKey.id == key_id, ~known_later)
            .values(seen_at=at, seen_from=address[:64], seen_slot=slot_id)
        )
