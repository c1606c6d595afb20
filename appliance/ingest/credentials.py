"""The one ingest password that all booths share.

Its row in ``app_settings`` holds ``hash``, and after a rotation with overlap ``previous_hash`` with
``previous_valid_until`` (ISO 8601, UTC), so that fifteen booths can be changed one by one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.accounts.repository import AccountRepository
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.errors import InvalidIngestPassword
from appliance.core.passwords import PasswordChecker, hash_password
from appliance.core.secrets import FirstPasswordFile
from appliance.core.threads import finish_in_thread
from appliance.settings.operator import INGEST_PASSWORD, AppSettingsRepository

log = structlog.get_logger()

NO_OVERLAP = timedelta(0)


class IngestCredentials:
    """Checks what a booth sent as its password, and puts new ones in force."""

    def __init__(
        self, database: Database, checker: PasswordChecker, first_passwords: FirstPasswordFile
    ) -> None:
        self._database = database
        self._checker = checker
        self._first_passwords = first_passwords

    async def check(self, password: str) -> None:
        """Raises ``InvalidIngestPassword`` unless ``password`` is in force, or still is after a rotation.

        No password set means that ingest is closed, never open.
        """
        async with self._database.session() as session:
            row = await AppSettingsRepository(session).get(INGEST_PASSWORD)
        if row is None:
            raise InvalidIngestPassword("Ingest is closed: no ingest password is set. Set one first.")
        if await self._checker.matches(password, str(row.value["hash"])):
            return
        if previous_valid_until(row.value) and await self._checker.matches(
            password, str(row.value["previous_hash"])
        ):
            return
        raise InvalidIngestPassword

    async def rotate(
        self, password: str, *, by: str, address: str = "", overlap: timedelta = NO_OVERLAP
    ) -> None:
        """Put a new password in force at once, in every process; the old one stays for ``overlap``.

        Raises ``ValueError`` for an empty password or one over 72 bytes.
        """
        hashed = await hash_password(password)
        async with self._database.session() as session:
            await self.store(session, hashed, by=by, address=address, overlap=overlap)
        await self.forget_first_password()

    @staticmethod
    async def store(
        session: AsyncSession,
        password_hash: str,
        *,
        by: str,
        address: str = "",
        overlap: timedelta = NO_OVERLAP,
    ) -> None:
        """The part of ``rotate`` that belongs into a transaction."""
        settings = AppSettingsRepository(session)
        row = await settings.get(INGEST_PASSWORD)
        value: dict[str, Any] = {"hash": password_hash}
        if row is not None and overlap > NO_OVERLAP:
            value["previous_hash"] = row.value["hash"]
            value["previous_valid_until"] = (utcnow() + overlap).isoformat()
        await settings.put(INGEST_PASSWORD, value, by=by)
        AccountRepository(session).record(
            by,
            "ingest_password.rotated",
            address=address,
            password="changed",  # noqa: S106 - a word
            previous_valid_until=value.get("previous_valid_until"),
        )

    async def forget_first_password(self) -> None:
        """After the commit: the first password is of no use any more. A failure is only logged."""
        try:
            await finish_in_thread(self._first_passwords.forget_ingest)
        except OSError as error:
            log.warning("first_password.not_forgotten", account="ingest", error=type(error).__name__)


def previous_valid_until(value: dict[str, Any]) -> datetime | None:
    """Until when the password before this one is taken; ``None`` when it is not."""
    text = value.get("previous_valid_until")
    until = datetime.fromisoformat(text) if text else None
    return until if until and until > utcnow() else None
