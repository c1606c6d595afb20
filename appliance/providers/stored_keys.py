"""API keys that were entered by people: rows of ``provider_key``, decrypted in memory only."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.core.db import Database, Repository
from appliance.core.encryption import EncryptionKeys, Unreadable
from appliance.providers.keys import KeyFiles, Origins
from appliance.providers.models import ProviderKey
from appliance.settings.operator import AppSettingsRepository

log = structlog.get_logger()

FRESH_FOR = 1.0  # seconds for which what was read is believed: all photos of a second share one query
# A query takes about 2 ms. One that takes longer goes on beside the photos, with the keys of before.
PATIENCE = 0.2
_LOCK_KEY = 0x50_43_50_4B  # "PCPK": one change of the keys after the other


def purpose_of(provider: str) -> str:
    """What a key is encrypted for: moved to another provider's row it cannot be read."""
    return f"provider_key {provider}"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """One row; ``key`` is ``None`` where no encryption key fits."""

    row: ProviderKey
    key: str | None = field(repr=False)

    @property
    def provider(self) -> str:
        return self.row.provider


class ProviderKeyRepository(Repository):
    """The table ``provider_key``, inside the caller's session."""

    async def lock(self) -> None:
        """Let other changes wait until this transaction ends."""
        await self._session.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})

    async def all(self) -> Sequence[ProviderKey]:
        """Every key, the oldest first."""
        query = select(ProviderKey).order_by(ProviderKey.added_at, ProviderKey.id)
        return (await self._session.scalars(query)).all()

    async def remove(self, key_id: uuid.UUID) -> bool:
        """Delete a key; ``False`` if it was gone already."""
        changed = await self._changed(delete(ProviderKey).where(ProviderKey.id == key_id))
        return changed == 1

    async def change(self, key_id: uuid.UUID, **values: Any) -> None:
        """Change columns of a key; one that is gone is left alone."""
        await self._session.execute(update(ProviderKey).where(ProviderKey.id == key_id).values(**values))

    async def give_origins(self, origins: Mapping[str, str]) -> None:
        """Give keys of a version that kept no origins theirs, by provider."""
        for provider, origin in origins.items():
            without = (ProviderKey.provider == provider, ProviderKey.origin.is_(None))
            await self._session.execute(update(ProviderKey).where(*without).values(origin=origin))


class StoredKeys:
    """The keys as they were read last, at most ``FRESH_FOR`` seconds ago once somebody asked.

    With ``origins``, keys of a version that kept none are given that of the address in force.
    """

    def __init__(
        self, database: Database, encryption: EncryptionKeys, origins: Origins | None = None
    ) -> None:
        self._database = database
        self._encryption = encryption
        self._origins = origins
        self._lock = asyncio.Lock()
        self._known: tuple[StoredKey, ...] = ()
        self._opened: dict[tuple[str, bytes], str] = {}
        self._looked = float("-inf")
        self._tried = False
        self._reading: asyncio.Task[None] | None = None
        self._began = float("-inf")

    def all(self) -> Sequence[StoredKey]:
        """Every key, the oldest first."""
        return self._known

    def keys(self, provider: str, origin: str) -> tuple[str, ...]:
        """A provider's keys that can be read and are for ``origin``."""
        return tuple(
            one.key
            for one in self._known
            if one.provider == provider and one.key is not None and one.row.origin == origin
        )

    def elsewhere(self, provider: str, origin: str) -> int:
        """How many more there are that belong to another origin."""
        return sum(
            one.provider == provider and one.key is not None and one.row.origin != origin
            for one in self._known
        )

    def unreadable(self, provider: str) -> int:
        """How many more there are that cannot be decrypted."""
        return sum(one.provider == provider and one.key is None for one in self._known)

    def proven_at(self, provider: str, key: str) -> datetime | None:
        """When a test last showed that the provider accepts this key."""
        rows = (one.row for one in self._known if (one.provider, one.key) == (provider, key))
        return next((row.tested_at for row in rows if row.test_outcome == "works"), None)

    async def refresh(self) -> None:
        """Read again if that was not done lately. A database that is away or hangs delays nobody for
        long: what is known counts then.
        """
        if self._reading is None:
            if time.monotonic() - self._looked < FRESH_FOR:
                return
            self._began = time.monotonic()
            self._reading = asyncio.create_task(self._read_beside())
        patience = self._began + PATIENCE - time.monotonic() if self._tried else None
        if patience is None or patience > 0:
            await asyncio.wait({self._reading}, timeout=patience)

    async def _read_beside(self) -> None:
        try:
            await self.refresh_now()
        except Exception as error:  # noqa: BLE001 - nobody waits for it; what is known counts
            log.warning("provider_keys.not_refreshed", error=type(error).__name__)
            self._looked = time.monotonic()  # so that photos do not ask for it one by one
        finally:
            self._tried, self._reading = True, None

    async def aclose(self) -> None:
        """Break off a query that is still under way."""
        if (reading := self._reading) is not None:
            reading.cancel()
            await asyncio.wait({reading})

    async def refresh_now(self) -> None:
        """Read again whatever was read before; raises what the database raises when it is away."""
        async with self._lock:
            await self._read()

    def opened(self, rows: Sequence[ProviderKey]) -> tuple[StoredKey, ...]:
        """Rows with their keys, as far as these can be read."""
        return tuple(StoredKey(row, self._open(row)) for row in rows)

    async def _read(self) -> None:
        async with self._database.session() as session:
            keys = ProviderKeyRepository(session)
            rows = await keys.all()
            if self._origins and any(row.origin is None for row in rows):
                settings = await AppSettingsRepository(session).operator_settings()
                await keys.give_origins(self._origins.origins(settings))
        self._known = self.opened(rows)
        kept = {(row.provider, row.encrypted) for row in rows}
        self._opened = {place: key for place, key in self._opened.items() if place in kept}
        self._looked = time.monotonic()

    def _open(self, row: ProviderKey) -> str | None:
        place = (row.provider, row.encrypted)
        if place not in self._opened:
            try:
                self._opened[place] = self._encryption.decrypt(row.encrypted, purpose_of(row.provider))
            except Unreadable:
                return None
        return self._opened[place]


@dataclass(frozen=True, slots=True)
class AllKeys:
    """Entered keys and those from files, as one source; a key that is in both counts once."""

    stored: StoredKeys
    files: KeyFiles
    origins: Origins

    def keys(self, provider: str) -> tuple[str, ...]:
        """The keys that are for the address in force now."""
        origin = self.origins.origin(provider)
        filed = (
            one.key for one in self.files.keys(provider) if one.origin_of(provider, self.origins) == origin
        )
        return tuple(dict.fromkeys((*self.stored.keys(provider, origin), *filed)))

    def elsewhere(self, provider: str) -> int:
        """How many more there are that belong to another address."""
        origin = self.origins.origin(provider)
        filed = (one.origin_of(provider, self.origins) != origin for one in self.files.keys(provider))
        return self.stored.elsewhere(provider, origin) + sum(filed)

    def unreadable(self, provider: str) -> int:
        """How many more there are that cannot be decrypted."""
        return self.stored.unreadable(provider)

    def proven_at(self, provider: str, key: str) -> datetime | None:
        """When a test last showed that an entered key is accepted; of those in files nothing is kept."""
        return self.stored.proven_at(provider, key)

    async def refresh(self) -> None:
        """Take up what was entered or removed in another process."""
        await self.stored.refresh()


async def encrypt_again(session: AsyncSession, encryption: EncryptionKeys) -> tuple[int, int]:
    """Encrypt every key that can be read with the newest encryption key.

    Returns how many these were, and how many cannot be read.
    """
    keys = ProviderKeyRepository(session)
    await keys.lock()
    count = lost = 0
    for row in await keys.all():
        purpose = purpose_of(row.provider)
        try:
            key = encryption.decrypt(row.encrypted, purpose)
        except Unreadable:
            lost += 1
        else:
            await keys.change(row.id, encrypted=encryption.encrypt(key, purpose))
            count += 1
    return count, lost
