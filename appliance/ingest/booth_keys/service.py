"""Keys that single booths have besides the password that all of them share.

A key is looked up for every photo, so a revoked one is closed at once and no other is touched. It is too
long to be guessed: its SHA-256 is enough to recognise it, and nothing is slow on purpose. Wrong ones
count like wrong passwords all the same.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from appliance.core.clients import network_of
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.errors import InvalidBoothKey
from appliance.core.key_texts import AROUND, PREFIX
from appliance.core.language import Message
from appliance.core.late_writes import LateWrites
from appliance.core.newest import Newest
from appliance.core.passwords import make_password
from appliance.ingest.booth_keys.repository import BoothKeyRepository
from appliance.ingest.wrong_passwords import WrongPasswords, note_refusal

_GROUPS = 7  # of four letters out of 28: 134 bits
MOST_RECOGNISED = 1024  # keys that were found right; looking one of them up costs no try
SEEN_EVERY = timedelta(seconds=30)  # a booth that goes on posting is written down no more often


def make_booth_key() -> str:
    """A new key such as ``booth-k7mq-x3np-…``; it needs no encoding in an address."""
    return PREFIX + make_password(_GROUPS)


def digest_of(key: str) -> str:
    """What is kept of a key; case and white space around it are forgiven, as tablets add them."""
    return hashlib.sha256(key.strip(AROUND).lower().encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class KnownBooth:
    """Whose key an upload brought; ``is_test``: it comes from the simulator."""

    id: uuid.UUID
    name: str
    is_test: bool = False


@dataclass(frozen=True, slots=True)
class KeyUse:
    """An upload that brought a key."""

    at: datetime
    address: str
    slot_id: str


@dataclass(slots=True)
class _LastSeen:
    now: KeyUse
    written: KeyUse | None = None

    def is_news(self) -> bool:
        """Whether it is worth a row: another place or slot, or some time later."""
        before = self.written
        return (
            before is None
            or (before.address, before.slot_id) != (self.now.address, self.now.slot_id)
            or self.now.at - before.at >= SEEN_EVERY
        )


class BoothKeys:
    """Recognises booths by their keys, and remembers when each was last seen."""

    def __init__(self, database: Database, wrong: WrongPasswords) -> None:
        self._database = database
        self._wrong = wrong
        self._recognised: Newest[str, None] = Newest(MOST_RECOGNISED)  # digests
        self._temporary: dict[str, str] = {}  # digests of the simulator's keys, and their slots
        self._seen: dict[uuid.UUID, _LastSeen] = {}
        self._writes = LateWrites(self._write_seen, "booth_key.seen_not_kept")

    async def recognise(self, key: str, slot_id: str, address: str) -> KnownBooth:
        """Whose key it is. Raises ``InvalidBoothKey`` for a wrong or revoked one, or one for other slots;
        ``RateLimited`` where ``address`` has sent too many wrong ones.
        """
        digest, network = digest_of(key), network_of(address)
        if digest in self._temporary:
            return _for_slot(
                KnownBooth(uuid.UUID(int=0), "", is_test=True), [self._temporary[digest]], slot_id
            )
        counted = digest not in self._recognised
        if counted:
            await self._wrong.allow(network, digest)
        async with self._database.session() as session:
            row = await BoothKeyRepository(session).in_force(digest)
        if row is None:
            self._recognised.pop(digest, None)
            if counted:
                self._wrong.was_wrong(network)
            await note_refusal(self._database, network, "booth_key.refused")
            raise InvalidBoothKey
        if counted:
            self._wrong.forgive(network, digest)
        self._recognised[digest] = None
        booth = _for_slot(KnownBooth(row.id, row.name), row.slots, slot_id)
        self._see(row.id, KeyUse(utcnow(), address, slot_id))
        return booth

    @contextmanager
    def temporary_key(self, slot_id: str) -> Iterator[str]:
        """A key for one slot that is in force during the block; what it brings is a test."""
        key = make_booth_key()
        digest = digest_of(key)
        self._temporary[digest] = slot_id
        try:
            yield key
        finally:
            del self._temporary[digest]

    def add_temporary(self, digest: str, slot_id: str) -> None:
        """A key that another process lends is in force here, too."""
        self._temporary[digest] = slot_id

    def remove_temporary(self, digest: str) -> None:
        """And is so no more."""
        self._temporary.pop(digest, None)

    def seen(self, key_id: uuid.UUID) -> KeyUse | None:
        """When and where this process last saw a key; ``None``: not since it started."""
        last = self._seen.get(key_id)
        return last.now if last else None

    def _see(self, key_id: uuid.UUID, seen: KeyUse) -> None:
        """No photo waits for it."""
        last = self._seen.setdefault(key_id, _LastSeen(seen))
        last.now = seen
        if last.is_news():
            last.written = seen
            self._writes.add(key_id)

    async def _write_seen(self, key_id: uuid.UUID) -> None:
        last = self._seen[key_id].now
        async with self._database.session() as session:
            await BoothKeyRepository(session).note_seen(key_id, last.at, last.address, last.slot_id)

    async def aclose(self) -> None:
        """Write down what is not written yet; wait for it for a moment only."""
        for key_id, last in self._seen.items():
            if last.written != last.now:
                self._writes.add(key_id)
        await self._writes.aclose()


def _for_slot(booth: KnownBooth, slots: list[str], slot_id: str) -> KnownBooth:
    if slots and slot_id not in slots:
        raise InvalidBoothKey(
            Message(
                "This booth's key is not valid for %(slot)s, only for %(slots)s. Change the slot in the "
                "booth's address, or the key's slots on the 'Booths' page.",
                slot=slot_id,
                slots=", ".join(slots),
            )
        )
    return booth
