"""API tokens: keys for scripts, made by an account, that can do no more than it.

A token is ``pct_`` and 256 random bits; its row keeps the SHA-256, so that it can be found and never read.
What it may do is its scopes, as far as its maker still has them. It ends when it expires, when somebody
revokes it, with the token by which it was made, or with its maker's account.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast

import structlog
from sqlalchemy import delete, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.accounts.models import Account, ApiToken
from appliance.accounts.permissions import Permission, Principal, with_included
from appliance.accounts.repository import AccountRepository
from appliance.core.clock import stamp, utcnow
from appliance.core.db import Database, Repository
from appliance.core.errors import NotAuthenticated, NotFound, TokenExpired, ValidationFailed
from appliance.core.language import Message

log = structlog.get_logger()

PREFIX = "pct_"
LONGEST_NAME = 22  # so that 'token NAME of ACCOUNT' fits where accounts are written down
LONGEST_LIFE = timedelta(days=366)
MOST = 50
_KEPT_EXPIRED = timedelta(days=30)  # an expired one still says on the page why a script fails
_LOCK_KEY = 0x50_43_41_54  # "PCAT": one change of the tokens after the other
_NOTED_EVERY = timedelta(minutes=1)  # when it was used last: a script that asks often writes seldom


def is_api_token(token: str) -> bool:
    """Whether it looks like one of ours; an access token begins otherwise."""
    return token.startswith(PREFIX)


def actor_of(name: str, account: str) -> str:
    """Who stands in the audit log."""
    return f"token {name} of {account}"


class ApiTokenRepository(Repository):
    """The table ``api_token``, inside the caller's session."""

    async def lock(self) -> None:
        """Let other changes wait until this transaction ends: none is made with one that ends meanwhile."""
        await self._session.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})

    async def all(self) -> Sequence[ApiToken]:
        """Every token, the newest first."""
        return (await self._session.scalars(select(ApiToken).order_by(ApiToken.created_at.desc()))).all()

    async def with_account(self, digest: str) -> tuple[ApiToken, Account] | None:
        """A token and whose it is, or ``None``."""
        found = await self._session.execute(
            select(ApiToken, Account)
            .join(Account, Account.username == ApiToken.username)
            .where(ApiToken.digest == digest)
        )
        return found.tuples().one_or_none()

    async def note_use(self, token_id: uuid.UUID, address: str) -> None:
        """Remember when and from where, if that is not known to the minute."""
        stale = or_(ApiToken.last_used_at.is_(None), ApiToken.last_used_at < func.now() - _NOTED_EVERY)
        await self._session.execute(
            update(ApiToken)
            .where(ApiToken.id == token_id, stale)
            .values(last_used_at=func.now(), last_used_from=address[:64])
        )

    async def remove(self, token_id: uuid.UUID) -> bool:
        """Delete a token and those that it made; ``False`` if it was gone already."""
        await self._session.execute(delete(ApiToken).where(ApiToken.made_with == token_id))
        changed = await self._changed(delete(ApiToken).where(ApiToken.id == token_id))
        return changed == 1

    async def forget_expired(self) -> None:
        """Drop what expired long ago."""
        await self._session.execute(delete(ApiToken).where(ApiToken.expires_at < func.now() - _KEPT_EXPIRED))


class ApiTokens:
    """Makes, recognises and revokes tokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> Sequence[ApiToken]:
        """Every token, of every account."""
        async with self._database.session() as session:
            return await ApiTokenRepository(session).all()

    async def make(
        self, name: str, scopes: Sequence[Permission], expires_at: datetime, who: Principal
    ) -> tuple[ApiToken, str]:
        """A new token and its text, which nobody can read again.

        Raises ``ValidationFailed`` for scopes that ``who`` has not, a name that is taken, a time that
        has passed or is too far, or later than the end of the token that asks; ``NotAuthenticated`` if that
        one was revoked a moment ago.
        """
        made = PREFIX + secrets.token_urlsafe(32)
        row = ApiToken(
            id=uuid.uuid4(),
            name=name,
            username=who.account,
            digest=_digest(made),
            ends_in="…" + made[-4:],
            scopes=sorted(set(scopes)),
            made_with=who.session_id if who.token_of else None,
            created_at=utcnow(),
            expires_at=expires_at,
        )
        async with self._database.session() as session:
            await self._check(session, row, who)
            ApiTokenRepository(session).add(row)
            AccountRepository(session).record_by(
                who, "token.made", name, scopes=row.scopes, until=stamp(expires_at)
            )
        log.info("token.made", name=name, account=who.username)
        return row, made

    async def _check(self, session: AsyncSession, row: ApiToken, who: Principal) -> None:
        tokens = ApiTokenRepository(session)
        await tokens.lock()
        await tokens.forget_expired()
        there, now = await tokens.all(), utcnow()
        if who.token_of and all(one.id != who.session_id for one in there):
            raise NotAuthenticated
        lacking = [scope for scope in row.scopes if not who.may(cast("Permission", scope))]
        if who.token_of and "tokens:write" in row.scopes:
            lacking.append("tokens:write")  # one step away from a person, no more
        latest = min([now + LONGEST_LIFE, *(one.expires_at for one in there if one.id == who.session_id)])
        fields: dict[str, str] = {}
        if lacking:
            fields["scopes"] = Message("must be what you may do yourself; not %(names)s", names=lacking[0])
        if any((one.name, one.username) == (row.name, row.username) for one in there):
            fields["name"] = Message("is taken: revoke that token first, or choose another name")
        elif len(there) >= MOST:
            fields["name"] = Message("there are %(n)s already: revoke one first", n=MOST)
        if row.expires_at <= now:
            fields["expires_at"] = Message("must be in the future")
        elif row.expires_at > latest:
            fields["expires_at"] = Message("must not be later than %(moment)s", moment=f"{latest:%Y-%m-%d}")
        if fields:
            raise ValidationFailed(fields=fields)

    async def revoke(self, token_id: uuid.UUID, who: Principal) -> None:
        """End a token, whoever made it, and those that it made; raises ``NotFound``."""
        async with self._database.session() as session:
            tokens = ApiTokenRepository(session)
            await tokens.lock()
            row = next((one for one in await tokens.all() if one.id == token_id), None)
            if row is None or not await tokens.remove(token_id):
                raise NotFound(Message("There is no such token. It may have been revoked in the meantime."))
            AccountRepository(session).record_by(who, "token.revoked", row.name, of=row.username)
        log.info("token.revoked", name=row.name, account=who.username)

    async def recognise(self, token: str) -> None:
        """Raise what ``authenticate`` would for a token that is none of ours or has expired."""
        async with self._database.session() as session:
            await _find(session, token)

    async def authenticate(self, token: str, address: str) -> Principal:
        """Who a token stands for; raises ``NotAuthenticated`` or ``TokenExpired``."""
        async with self._database.session() as session:
            row, account = await _find(session, token)
            await ApiTokenRepository(session).note_use(row.id, address)
        return Principal(
            username=actor_of(row.name, account.username),
            role=account.role,
            permissions=frozenset(row.scopes) & with_included(account.permissions),
            session_id=row.id,
            must_change_password=account.must_change_password,
            address=address,
            token_of=account.username,
        )


async def _find(session: AsyncSession, token: str) -> tuple[ApiToken, Account]:
    found = await ApiTokenRepository(session).with_account(_digest(token))
    if found is None:
        raise NotAuthenticated
    if found[0].expires_at <= utcnow():
        raise TokenExpired(Message("This API token has expired. Create a new one."))
    return found


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
