"""``config/appliance.toml`` → accounts, slots and defaults that do not exist yet, in one transaction.

What an administrator changed is never overwritten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.accounts.models import Account
from appliance.accounts.repository import AccountRepository
from appliance.config_file import ApplianceConfig, SlotSeed
from appliance.core.db import Database
from appliance.core.passwords import hash_password, make_password
from appliance.core.secrets import BackupPassphrase, FirstPasswordFile
from appliance.settings.operator import INGEST_PASSWORD, AppSettingsRepository
from appliance.slots.repository import SlotRepository

log = structlog.get_logger()

SEED = "seed"  # who changed it last, until somebody does
_LOCK_KEY = 0x50_43_53_44  # "PCSD": two starts at once seed one after the other


@dataclass(slots=True)
class SeedReport:
    """What this start inserted, with the passwords it made."""

    accounts: dict[str, str] = field(default_factory=dict)
    ingest: str | None = None
    backup: str | None = None
    inserted: dict[str, list[str]] = field(default_factory=dict)


async def seed(database: Database, config: ApplianceConfig, passwords: FirstPasswordFile) -> SeedReport:
    """Insert what is missing. The first passwords are in their file before anything is committed."""
    report = SeedReport()
    async with database.session() as session:
        await session.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        settings = AppSettingsRepository(session)
        report.inserted["settings"] = await settings.insert_missing(
            config.defaults.model_dump(mode="json"), by=SEED
        )
        report.inserted["slots"] = await SlotRepository(session).insert_missing(
            [_slot_row(slot) for slot in config.slots]
        )
        known = await _seed_accounts(session, config, report)
        if await settings.get(INGEST_PASSWORD) is None:
            report.ingest = make_password()
            await settings.put(INGEST_PASSWORD, {"hash": await hash_password(report.ingest)}, by=SEED)
        # Only where everything is new: what an earlier version backs up readably goes on so, and is told.
        made = f"{make_password()}-{make_password()}" if len(known) == 0 and report.ingest else None
        if made and BackupPassphrase(passwords.path.parent).keep(made):
            report.backup = made
        if report.accounts or report.ingest:
            passwords.add(ingest=report.ingest, accounts=report.accounts, backup=report.backup)
    log.info("seed.done", **{name: len(keys) for name, keys in report.inserted.items()})
    return report


async def _seed_accounts(
    session: AsyncSession, config: ApplianceConfig, report: SeedReport
) -> Collection[str]:
    """Returns the names of those that were there before."""
    accounts = AccountRepository(session)
    known = await accounts.usernames()
    missing = [account for account in config.accounts if account.username not in known]
    made = {account.username: make_password() for account in missing}
    hashes = await asyncio.gather(*(hash_password(password) for password in made.values()))
    for account, hashed in zip(missing, hashes, strict=True):
        permissions = config.roles[account.role].permissions
        accounts.add(
            Account(
                username=account.username, password_hash=hashed, role=account.role, permissions=permissions
            )
        )
    report.accounts = made
    report.inserted["accounts"] = sorted(made)
    return known


def _slot_row(slot: SlotSeed) -> dict[str, Any]:
    row = slot.model_dump(exclude={"id"})
    return {"slot_id": slot.id, **row, "updated_by": SEED}
