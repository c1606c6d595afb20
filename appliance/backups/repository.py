"""Reads and writes what is known of backups, inside the caller's session."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, text, update

from appliance.backups.models import BackupProof, BackupTarget
from appliance.backups.target import STORED, TargetConfig, TargetTest, stored_address
from appliance.core.clock import utcnow
from appliance.core.db import Repository
from appliance.core.encryption import EncryptionKeys, Unreadable

_PURPOSE = "backup-target"
_THE_ONE = 1
_LOCK_KEY = 0x50_43_42_54  # "PCBT": one change of the target after the other
PROGRESS_STALE = timedelta(minutes=2)  # nobody has worked on it since: whoever did was ended
_KEEP_PROOFS = 24
USUAL_KEEP = 7


class BackupRepository(Repository):
    """The tables ``backup_target`` and ``backup_proof``."""

    async def _lock(self) -> None:
        """Let other changes of the target wait until this transaction ends."""
        await self._session.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})

    async def target(self) -> BackupTarget | None:
        """The target, if one is set."""
        return await self._session.get(BackupTarget, _THE_ONE)

    async def set_target(
        self,
        config: TargetConfig,
        encryption: EncryptionKeys,
        tried: TargetTest,
        *,
        by: str,
        keep: int,
        most_kilobytes: int | None,
    ) -> None:
        """Put ``config``, which was tried, in the place of what was set; elsewhere nothing was sent yet.

        Encrypted while no other change, and no rotation of the encryption key, is under way.
        """
        await self._lock()
        row = await self.target()
        address = config.address.model_dump(mode="json")
        if row is None or row.address != address:
            await self.forget_target()
            row = BackupTarget(id=_THE_ONE, address=address)
            self._session.add(row)
        secrets = config.secrets.plain()
        row.encrypted = encryption.encrypt(json.dumps(secrets), _PURPOSE) if secrets else None
        row.host_key, row.marker = tried.host_key, tried.marker or ""
        row.held, row.same_disk = tried.of_another, tried.same_disk
        row.keep, row.most_kilobytes, row.set_by = keep, most_kilobytes, by
        row.failure = row.failure_detail = row.failing_since = None
        row.set_at = utcnow()
        await self._session.flush()

    async def forget_target(self) -> bool:
        """Remove it; whether there was one."""
        found = await self._session.execute(delete(BackupTarget).returning(BackupTarget.id))
        self._session.expunge_all()
        return found.first() is not None

    async def note(self, read: BackupTarget, **values: Any) -> bool:
        """Change what is known of how far the sending to the target that was ``read`` has come; ``False``,
        and nothing is changed, if it is no longer the target.
        """
        still_set = (BackupTarget.address == read.address, BackupTarget.marker == read.marker)
        changed = update(BackupTarget).where(*still_set).values(**values).returning(BackupTarget.id)
        return (await self._session.execute(changed)).first() is not None

    async def encrypt_again(self, encryption: EncryptionKeys) -> bool:
        """With the newest key; ``False`` if the secrets could not be read."""
        await self._lock()
        row = await self.target()
        if row is None or row.encrypted is None:
            return True
        try:
            row.encrypted = encryption.encrypt(encryption.decrypt(row.encrypted, _PURPOSE), _PURPOSE)
        except Unreadable:
            return False
        return True

    async def last_proof(self) -> BackupProof | None:
        """The newest proof, whatever came of it. By number, here and below: a clock may have been wrong."""
        statement = select(BackupProof).order_by(BackupProof.id.desc()).limit(1)
        return (await self._session.scalars(statement)).first()

    async def last_good_proof(self) -> datetime | None:
        """When a backup was last proven."""
        statement = select(BackupProof.at).where(BackupProof.ok).order_by(BackupProof.id.desc()).limit(1)
        return (await self._session.scalars(statement)).first()

    async def add_proof(self, **values: Any) -> None:
        """Keep what came of one; only the last ones stay."""
        self._session.add(BackupProof(at=utcnow(), **values))
        await self._session.flush()
        kept = select(BackupProof.id).order_by(BackupProof.id.desc()).limit(_KEEP_PROOFS)
        await self._session.execute(delete(BackupProof).where(BackupProof.id.not_in(kept)))


def config_of(row: BackupTarget, encryption: EncryptionKeys) -> TargetConfig:
    """What it takes to reach the target; raises ``Unreadable`` where the secrets cannot be read here."""
    secrets = json.loads(encryption.decrypt(row.encrypted, _PURPOSE)) if row.encrypted else {}
    return TargetConfig.model_validate(
        {"address": row.address, "secrets": secrets, "host_key": row.host_key, "marker": row.marker},
        context=STORED,
    )


def settings_of(row: BackupTarget | None) -> dict[str, Any]:
    """How the target is used; for none what is usual."""
    if row is None:
        return {"keep": USUAL_KEEP, "most_kilobytes": None}
    return {"keep": row.keep, "most_kilobytes": row.most_kilobytes}


def own_marker(row: BackupTarget | None) -> str | None:
    """What the target says that this machine sends to; a place that says the same is ours too."""
    return row.marker if row is not None and not row.held else None


def describe(row: BackupTarget) -> str:
    """The target's address in one line, without secrets."""
    return stored_address(row.address).describe()


def is_at_work(row: BackupTarget, now: datetime) -> bool:
    """Whether a backup is being sent right now."""
    return row.step is not None and row.step_at is not None and now - row.step_at < PROGRESS_STALE
