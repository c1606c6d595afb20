"""Provider keys: entered, tested, taken back into use, removed; never shown.

A change is one transaction with its line in the audit log. This process takes it up at once, others
within a second.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import blake2b

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.accounts.permissions import Principal
from appliance.accounts.repository import AccountRepository
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.encryption import EncryptionKeys
from appliance.core.errors import ValidationFailed
from appliance.core.language import Message
from appliance.providers.key_tests import KeyTest
from appliance.providers.keys import FOLDER, KeyFiles, KeyRing, ends_in
from appliance.providers.models import ProviderKey
from appliance.providers.registry import ProviderRegistry
from appliance.providers.stored_keys import ProviderKeyRepository, StoredKeys, purpose_of
from appliance.staff.settings.provider_keys.findings import (
    kept_test,
    no_such_key,
    state_of,
    test_columns,
    twice,
)
from appliance.staff.settings.provider_keys.schemas import (
    KeyTestView,
    NewProviderKey,
    ProviderKeyList,
    ProviderKeys,
    ProviderKeyView,
    TypedKey,
)
from appliance.staff.settings.provider_keys.testing import KeyRefused, KeyTesting

log = structlog.get_logger()

MOST_KEYS = 20  # of one provider


@dataclass(frozen=True, slots=True)
class _KnownKey:
    """A key of either source: ``row`` where it was entered, ``key`` where it can be read."""

    id: str
    provider: str
    ends_in: str
    key: str | None = field(repr=False)
    origin: str | None
    row: ProviderKey | None
    test: KeyTest | None


@dataclass(frozen=True, slots=True)
class _Entered:
    """A key as somebody entered it, and to whom it is sent."""

    provider: str
    key: str = field(repr=False)
    origin: str


class ProviderKeyService:
    """What an administrator does with keys."""

    def __init__(
        self,
        database: Database,
        registry: ProviderRegistry,
        ring: KeyRing,
        stored: StoredKeys,
        files: KeyFiles,
        encryption: EncryptionKeys,
        testing: KeyTesting,
    ) -> None:
        self._database = database
        self._registry = registry
        self._ring = ring
        self._stored = stored
        self._files = files
        self._encryption = encryption
        self._testing = testing
        self._salt = secrets.token_bytes(32)  # so that an id says nothing of the key in a file
        self._file_tests: dict[str, KeyTest] = {}

    async def all(self) -> ProviderKeyList:
        """Every provider that needs a key, with its keys."""
        await self._look()
        used = await self._testing.models_used()
        return ProviderKeyList(
            providers=[
                ProviderKeys(
                    provider=name,
                    usable=sum(not key.rests_for for key in self._ring.states(name)),
                    slots=used.slots_of(name),
                    models=used.views_of(name),
                    keys=[self._view(found) for found in self._of(name)],
                )
                for name in self._names()
            ]
        )

    async def add(self, new: NewProviderKey, who: Principal) -> ProviderKeyView:
        """Keep a key; photos use it from now on.

        Raises ``ValidationFailed`` for a provider that takes no key, a key that is there already, or
        one that the provider refuses. A key that cannot be read any more and ends alike is replaced,
        and so is the same key where it was entered for another address.
        """
        provider, key = new.provider, new.key.get_secret_value()
        self._require(provider)
        await self._look()
        origin = await self._testing.origin(provider)
        self._refuse_known(provider, key, origin)
        tested = await self._testing.ask(provider, key, origin) if new.test else None
        if tested and tested.outcome == "refused":
            raise KeyRefused(provider, tested)
        async with self._database.session() as session:
            row = await self._insert(session, _Entered(provider, key, origin), tested, who)
        await self._look()
        self._testing.judge(provider, key, tested)
        await self._ring.pauses.load()
        log.info("provider_key.added", provider=provider, ends_in=row.ends_in, account=who.username)
        return self._view(self._one(str(row.id)), tested)

    async def _insert(
        self, session: AsyncSession, entered: _Entered, tested: KeyTest | None, who: Principal
    ) -> ProviderKey:
        """Encrypted while no other change, and no rotation of the encryption key, is under way."""
        provider, key, origin = entered.provider, entered.key, entered.origin
        keys = ProviderKeyRepository(session)
        await keys.lock()
        there = [one for one in self._stored.opened(await keys.all()) if one.provider == provider]
        if any(one.key == key and one.row.origin == origin for one in there):
            raise twice(Message("is there already: it was entered a moment ago"))
        row = ProviderKey(
            id=uuid.uuid4(),
            provider=provider,
            encrypted=self._encryption.encrypt(key, purpose_of(provider)),
            ends_in=ends_in(key),
            origin=origin,
            added_by=who.username,
            added_at=utcnow(),
            **(test_columns(tested) if tested else {}),
        )
        for one in there:
            if one.key == key or (one.key is None and one.row.ends_in == row.ends_in):
                await keys.remove(one.row.id)
        keys.add(row)
        AccountRepository(session).record_by(who, "provider_key.added", provider, ends_in=row.ends_in)
        return row

    async def remove(self, key_id: str, who: Principal) -> None:
        """Forget a key that was entered; photos on their way keep it.

        Raises ``NotFound``, or ``ValidationFailed`` for a key from a file.
        """
        found = await self._known(key_id)
        if found.row is None:
            raise ValidationFailed(
                fields={
                    "id": Message(
                        "is in the secret file %(file)s: remove it there",
                        file=f"{FOLDER}/{found.provider}",
                    )
                }
            )
        async with self._database.session() as session:
            if not await ProviderKeyRepository(session).remove(found.row.id):
                raise no_such_key()
            AccountRepository(session).record_by(
                who, "provider_key.removed", found.provider, ends_in=found.ends_in
            )
        await self._look()
        if found.key is not None:
            self._ring.use_again(found.provider, found.key)
            await self._ring.pauses.load()
        log.info("provider_key.removed", provider=found.provider, ends_in=found.ends_in, account=who.username)

    async def test(self, key_id: str, who: Principal) -> KeyTestView:
        """Ask the provider about a key that is kept, and remember what it said.

        One that works is taken into use again, one that does not is set aside. Raises ``NotFound``,
        or ``ValidationFailed`` for a key that cannot be read, or that belongs to another address.
        """
        found = await self._known(key_id)
        if found.key is None:
            raise ValidationFailed(fields={"id": Message("cannot be read any more: enter it again")})
        tested = await self._testing.ask(found.provider, found.key, found.origin)
        if found.row is None:
            self._file_tests[found.id] = tested
        else:
            async with self._database.session() as session:
                await ProviderKeyRepository(session).change(found.row.id, **test_columns(tested))
            await self._look()
        self._testing.judge(found.provider, found.key, tested)
        await self._ring.pauses.load()
        log.info(
            "provider_key.tested",
            provider=found.provider,
            ends_in=found.ends_in,
            outcome=tested.outcome,
            account=who.username,
        )
        return KeyTestView.of(tested)

    async def try_out(self, typed: TypedKey) -> KeyTestView:
        """Ask the provider about a key that is not kept; nothing remembers it."""
        self._require(typed.provider)
        origin = await self._testing.origin(typed.provider)
        return KeyTestView.of(await self._testing.ask(typed.provider, typed.key.get_secret_value(), origin))

    async def use_again(self, key_id: str, who: Principal) -> ProviderKeyView:
        """Take a key that is set aside into use again now; raises ``NotFound``."""
        found = await self._known(key_id)
        if found.key is not None and self._ring.state(found.provider, found.key).rests_for:
            self._ring.use_again(found.provider, found.key)
            await self._ring.pauses.load()
            async with self._database.session() as session:
                AccountRepository(session).record_by(
                    who, "provider_key.used_again", found.provider, ends_in=found.ends_in
                )
        return self._view(found)

    # Finding keys

    def _names(self) -> list[str]:
        return [name for name in self._registry.names if self._registry.driver(name).needs_key]

    def _require(self, provider: str) -> None:
        if provider not in self._names():
            known = ", ".join(self._names())
            raise ValidationFailed(
                fields={"provider": Message("takes no key; those that do are %(names)s", names=known)}
            )

    def _of(self, provider: str) -> Iterator[_KnownKey]:
        """A provider's keys: those that were entered, then those from its file."""
        for one in self._stored.all():
            if one.provider == provider:
                row = one.row
                yield _KnownKey(str(row.id), provider, row.ends_in, one.key, row.origin, row, kept_test(row))
        for filed in self._files.keys(provider):
            key, origin = filed.key, filed.origin_of(provider, self._registry)
            digest = blake2b(f"{provider} {key}".encode(), key=self._salt, digest_size=12).hexdigest()
            made = f"file-{digest}"
            yield _KnownKey(made, provider, ends_in(key), key, origin, None, self._file_tests.get(made))

    def _one(self, key_id: str) -> _KnownKey:
        for provider in self._names():
            for found in self._of(provider):
                if found.id == key_id:
                    return found
        raise no_such_key()

    async def _look(self) -> None:
        """What is kept now, and what other processes learned of it."""
        await self._stored.refresh_now()
        await self._ring.pauses.load()

    async def _known(self, key_id: str) -> _KnownKey:
        await self._look()
        return self._one(key_id)

    def _refuse_known(self, provider: str, key: str, origin: str) -> None:
        there = [found for found in self._of(provider) if found.key != key or found.origin == origin]
        for found in there:
            if found.key == key and found.row is not None:
                raise twice(Message("is there already: %(who)s entered it", who=found.row.added_by))
            if found.key == key:
                raise twice(
                    Message(
                        "is there already: it is in the secret file %(file)s", file=f"{FOLDER}/{provider}"
                    )
                )
        if len(there) >= MOST_KEYS:
            raise ValidationFailed(
                fields={"key": Message("there are %(n)s already: remove one first", n=MOST_KEYS)}
            )

    def _view(self, found: _KnownKey, tested: KeyTest | None = None) -> ProviderKeyView:
        rest = self._ring.state(found.provider, found.key) if found.key is not None else None
        seconds = rest.rests_for if rest else 0.0
        is_elsewhere = found.origin != self._registry.origin(found.provider)
        last = tested or found.test
        return ProviderKeyView(
            id=found.id,
            provider=found.provider,
            ends_in=found.ends_in,
            source="file" if found.row is None else "entered",
            added_by=found.row.added_by if found.row else None,
            added_at=found.row.added_at if found.row else None,
            origin=found.origin,
            state=state_of(is_unreadable=rest is None, is_elsewhere=is_elsewhere, rests=seconds > 0),
            reason=rest.reason if rest else None,
            models=list(rest.models) if rest else [],
            back_at=utcnow() + timedelta(seconds=seconds) if seconds else None,
            last_test=KeyTestView.of(last) if last else None,
        )
