"""Booth keys as administrators make, change and revoke them."""

from __future__ import annotations

import uuid

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.accounts.actions import AuditAction
from appliance.accounts.permissions import Principal
from appliance.accounts.repository import AccountRepository
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.errors import NotFound, ValidationFailed
from appliance.core.language import Message
from appliance.ingest.booth_keys.models import BoothKey
from appliance.ingest.booth_keys.repository import BoothKeyRepository
from appliance.ingest.booth_keys.service import BoothKeys, digest_of, make_booth_key
from appliance.staff.booth_keys.schemas import BoothKeyChange, BoothKeyView, MadeBoothKey, NewBoothKey

log = structlog.get_logger()

MOST_KEYS = 100  # in force at the same time


class BoothKeyService:
    """Each change is one transaction and one line in the audit log, which names the booth."""

    def __init__(self, database: Database, keys: BoothKeys) -> None:
        self._database = database
        self._keys = keys

    async def all(self) -> list[BoothKeyView]:
        """Every key, by its booth's name."""
        async with self._database.session() as session:
            return [self._view(row) for row in await BoothKeyRepository(session).all()]

    async def create(self, new: NewBoothKey, who: Principal) -> MadeBoothKey:
        """Make a key. Raises ``ValidationFailed`` for a name that is taken, or when there are too many."""
        key = make_booth_key()
        async with self._database.session() as session:
            keys = BoothKeyRepository(session)
            await keys.lock()
            there = [one for one in await keys.all() if one.revoked_at is None]
            if len(there) >= MOST_KEYS:
                raise ValidationFailed(
                    fields={"name": Message("%(n)s booths have keys; revoke one first", n=MOST_KEYS)}
                )
            _refuse_taken(new.name, there)
            row = BoothKey(
                id=uuid.uuid4(),
                name=new.name,
                digest=digest_of(key),
                ends_in=key[-4:],
                slots=new.slots,
                created_at=utcnow(),
                created_by=who.username,
            )
            keys.add(row)
            _note(session, row, who, "booth_key.created", slots=", ".join(row.slots) or None)
            await session.flush()
            view = self._view(row)
        log.info("booth_key.created", booth=new.name, account=who.username)
        return MadeBoothKey(key=key, **view.model_dump())

    async def change(self, key_id: uuid.UUID, wanted: BoothKeyChange, who: Principal) -> BoothKeyView:
        """Raises ``NotFound``, or ``ValidationFailed`` for a name that is taken."""
        async with self._database.session() as session:
            keys = BoothKeyRepository(session)
            await keys.lock()
            row = await _known(keys, key_id)
            others = [one for one in await keys.all() if one.revoked_at is None and one.id != key_id]
            changes = {}
            if wanted.name is not None and wanted.name != row.name:
                _refuse_taken(wanted.name, others)
                changes["name"] = {"from": row.name, "to": wanted.name}
                row.name = wanted.name
            if wanted.slots is not None and wanted.slots != row.slots:
                changes["slots"] = {"from": ", ".join(row.slots), "to": ", ".join(wanted.slots)}
                row.slots = wanted.slots
            if changes:
                _note(session, row, who, "booth_key.changed", changes=changes)
            return self._view(row)

    async def revoke(self, key_id: uuid.UUID, who: Principal) -> BoothKeyView:
        """The booth is closed from its next photo on. Raises ``NotFound``."""
        async with self._database.session() as session:
            keys = BoothKeyRepository(session)
            await keys.lock()
            row = await _known(keys, key_id)
            if row.revoked_at is None:
                row.revoked_at, row.revoked_by = utcnow(), who.username
                _note(session, row, who, "booth_key.revoked")
                log.info("booth_key.revoked", booth=row.name, account=who.username)
            return self._view(row)

    def _view(self, row: BoothKey) -> BoothKeyView:
        """A key as it is shown; this process may have seen it later than its row says."""
        seen = self._keys.seen(row.id)
        newer = seen is not None and (row.seen_at is None or seen.at >= row.seen_at)
        fresh = (
            {"seen_at": seen.at, "seen_from": seen.address, "seen_slot": seen.slot_id}
            if seen and newer
            else {}
        )
        return BoothKeyView.from_object(row, ends_in=f"…{row.ends_in}", **fresh)


async def _known(keys: BoothKeyRepository, key_id: uuid.UUID) -> BoothKey:
    row = await keys.get(key_id)
    if row is None:
        raise NotFound(Message("There is no such booth key."))
    return row


def _refuse_taken(name: str, there: list[BoothKey]) -> None:
    if any(one.name.casefold() == name.casefold() for one in there):
        raise ValidationFailed(fields={"name": Message("another booth has this name")})


def _note(
    session: AsyncSession, row: BoothKey, who: Principal, action: AuditAction, **detail: object
) -> None:
    AccountRepository(session).record_by(who, action, row.name, ends_in=f"…{row.ends_in}", **detail)
