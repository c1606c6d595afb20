"""Reads and writes accounts, their sessions and the audit log inside the caller's session."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, exists, func, select, update

from appliance.accounts.actions import AuditAction
from appliance.accounts.models import Account, AuditLog, LoginSession
from appliance.accounts.permissions import Principal
from appliance.core.db import Repository


class AccountRepository(Repository):
    """The tables ``account`` and ``audit_log``."""

    async def usernames(self) -> set[str]:
        """Everyone who may log in."""
        return set(await self._session.scalars(select(Account.username)))

    async def get(self, username: str) -> Account | None:
        """One account, or ``None``."""
        return await self._session.get(Account, username)

    async def set_password(self, username: str, password_hash: str) -> bool:
        """Change a password and end every session of the account; ``False`` if there is no such account."""
        return await self._update(username, password_hash=password_hash, must_change_password=False)

    async def end_sessions(self, username: str) -> bool:
        """End every session of an account; ``False`` if there is no such account."""
        return await self._update(username)

    async def _update(self, username: str, **values: Any) -> bool:
        changed = await self._changed(
            update(Account)
            .where(Account.username == username)
            .values(token_version=Account.token_version + 1, **values)
        )
        return changed == 1

    def record(
        self, actor: str, action: AuditAction, subject: str = "", *, address: str = "", **detail: Any
    ) -> None:
        """Write to the audit log: ``address`` is the client's; the detail never holds a secret. What is
        longer than the table takes is cut.
        """
        self._session.add(
            AuditLog(actor=actor, action=action, subject=subject[:120], address=address[:64], detail=detail)
        )

    def record_by(self, who: Principal, action: AuditAction, subject: str = "", **detail: Any) -> None:
        """The same of somebody who is logged in."""
        self.record(who.username, action, subject, address=who.address, **detail)

    async def newest_actor(self, action: AuditAction, job_id: uuid.UUID, since: datetime) -> str | None:
        """Who did ``action`` to a job last; ``None`` where the log does not say."""
        query = (
            select(AuditLog.actor)
            .where(
                AuditLog.at >= since,
                AuditLog.action == action,
                AuditLog.detail["job"].astext == str(job_id),
            )
            .order_by(AuditLog.id.desc())
            .limit(1)
        )
        return await self._session.scalar(query)


class SessionRepository(Repository):
    """The table ``login_session``."""

    async def with_account(
        self, session_id: uuid.UUID, *, lock: bool = False
    ) -> tuple[LoginSession, Account] | None:
        """A session and whose it is, or ``None``; ``lock``: its row is kept from others until the commit."""
        query = (
            select(LoginSession, Account)
            .join(Account, Account.username == LoginSession.username)
            .where(LoginSession.id == session_id)
        )
        if lock:
            query = query.with_for_update(of=LoginSession)
        return (await self._session.execute(query)).tuples().one_or_none()

    async def end(self, session_id: uuid.UUID, reason: str) -> bool:
        """End one session; ``False`` if it had ended before."""
        changed = await self._changed(
            update(LoginSession)
            .where(LoginSession.id == session_id, LoginSession.ended_at.is_(None))
            .values(ended_at=func.now(), end_reason=reason)
        )
        return changed == 1

    async def began_at(self, username: str, network: str, within: timedelta) -> bool:
        """Whether this account logged in at ``network`` lately."""
        found = await self._session.scalar(
            select(
                exists().where(
                    LoginSession.username == username,
                    LoginSession.network == network,
                    LoginSession.created_at > func.now() - within,
                )
            )
        )
        return bool(found)

    async def forget(self, older_than: timedelta) -> None:
        """Drop sessions that began longer ago than any can last and any address is remembered."""
        await self._session.execute(
            delete(LoginSession).where(LoginSession.created_at < func.now() - older_than)
        )
