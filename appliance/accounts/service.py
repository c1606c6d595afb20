"""What can be done with accounts."""

from __future__ import annotations

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.accounts.repository import AccountRepository
from appliance.core.db import Database
from appliance.core.passwords import hash_password
from appliance.core.secrets import FirstPasswordFile
from appliance.core.threads import finish_in_thread

log = structlog.get_logger()


class UnknownAccount(LookupError):
    """There is no account of that name."""


class AccountService:
    """Changes accounts; each change is one transaction and one line in the audit log."""

    def __init__(self, database: Database, first_passwords: FirstPasswordFile) -> None:
        self._database = database
        self._first_passwords = first_passwords

    async def set_password(self, username: str, password: str, *, by: str) -> None:
        """Give an account a new password, which ends its sessions.

        Raises ``UnknownAccount``, or ``ValueError`` for an empty password or one over 72 bytes.
        """
        hashed = await hash_password(password)
        async with self._database.session() as session:
            await self.store_password(session, username, hashed, by=by)
        await self.forget_first_password(username)

    @staticmethod
    async def store_password(
        session: AsyncSession, username: str, password_hash: str, *, by: str, address: str = ""
    ) -> None:
        """The part of ``set_password`` that belongs into a transaction."""
        accounts = AccountRepository(session)
        if not await accounts.set_password(username, password_hash):
            raise UnknownAccount(username)
        accounts.record(by, "account.password_changed", username, address=address, password="changed")  # noqa: S106 - a word

    async def forget_first_password(self, username: str) -> None:
        """After the commit: the first password is of no use any more. A failure is only logged."""
        try:
            await finish_in_thread(self._first_passwords.forget_account, username)
        except OSError as error:
            log.warning("first_password.not_forgotten", account=username, error=type(error).__name__)
