"""The one ingest password that all booths share."""

from __future__ import annotations

from appliance.accounts.repository import AccountRepository
from appliance.core.app_settings import INGEST_PASSWORD, AppSettingsRepository
from appliance.core.db import Database
from appliance.core.errors import InvalidIngestPassword
from appliance.core.passwords import PasswordChecker, hash_password
from appliance.core.secrets import FirstPasswordFile


class IngestCredentials:
    """Checks what a booth sent as its password."""

    def __init__(
        self, database: Database, checker: PasswordChecker, first_passwords: FirstPasswordFile
    ) -> None:
        self._database = database
        self._checker = checker
        self._first_passwords = first_passwords

    async def check(self, password: str) -> None:
        """Raises ``InvalidIngestPassword`` unless ``password`` is the one in force.

        No password set means that ingest is closed, never open.
        """
        async with self._database.session() as session:
            row = await AppSettingsRepository(session).get(INGEST_PASSWORD)
        if row is None:
            raise InvalidIngestPassword("Ingest is closed: no ingest password is set. Set one first.")
        if not await self._checker.matches(password, str(row.value["hash"])):
            raise InvalidIngestPassword

    async def rotate(self, password: str, *, by: str) -> None:
        """Put a new password in force at once, in every process.

        Raises ``ValueError`` for an empty password or one over 72 bytes.
        """
        hashed = await hash_password(password)
        async with self._database.session() as session:
            await AppSettingsRepository(session).put(INGEST_PASSWORD, {"hash": hashed}, by=by)
            AccountRepository(session).record(by, "ingest_password.rotated")
        self._first_passwords.forget_ingest()
