"""Reads and writes accounts inside the caller's session."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.accounts.models import Account, AuditLog


class AccountRepository:
    """The tables ``account`` and ``audit_log``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def usernames(self) -> set[str]:
        """Everyone who may log in."""
        return set(await self._session.scalars(select(Account.username)))

    def add(self, **values: Any) -> None:
        """Insert an account."""
        self._session.add(Account(**values))

    async def set_password(self, username: str, password_hash: str) -> bool:
        """Change a password and end every session of the account; ``False`` if there is no such account."""
        result = await self._session.execute(
            update(Account)
            .where(Account.username == username)
            .values(
                password_hash=password_hash,
                must_change_password=False,
                token_version=Account.token_version + 1,
            )
        )
        return cast("CursorResult[Any]", result).rowcount == 1

    def record(self, actor: str, action: str, subject: str = "", **detail: Any) -> None:
        """Write to the audit log; never a secret."""
        self._session.add(AuditLog(actor=actor, action=action, subject=subject, detail=detail))
