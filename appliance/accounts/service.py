"""What can be done with accounts."""

from __future__ import annotations

from appliance.accounts.repository import AccountRepository
from appliance.core.db import Database
from appliance.core.passwords import hash_password
from appliance.core.secrets import FirstPasswordFile


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
            accounts = AccountRepository(session)
            if not await accounts.set_password(username, hashed):
                raise UnknownAccount(username)
            accounts.record(by, "account.password_changed", username)
        self._first_passwords.forget_account(username)
