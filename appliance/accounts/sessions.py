"""Sessions: opened by a password, carried by short access tokens, continued by a refresh token.

An access token is worth something only as long as its session's row says so, which is looked up on
every request: what was logged out is refused at once, in every process.

A refresh token is a session's id and a secret, of which the row keeps the SHA-256. Each use hands out the
next one, ``HMAC(rotation_key, secret)``: so the one before, if it comes again within ``GRACE`` (two tabs at
once, an answer lost on the way), gets the same next one. Any other secret of the session is one that was
used up, and now comes from a thief or from who was robbed: the session ends for both.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.accounts.models import Account, LoginSession
from appliance.accounts.permissions import Principal
from appliance.accounts.repository import AccountRepository, SessionRepository
from appliance.accounts.throttle import Client
from appliance.accounts.tokens import ACCESS_LIFE, Tokens
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.errors import NotAuthenticated, TokenExpired

log = structlog.get_logger()

IDLE_LIFE = timedelta(days=7)  # without a refresh
LONGEST_LIFE = timedelta(days=30)
KEPT = timedelta(days=60)  # how long an ended session's row stays
GRACE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a client is given: an access token, and the refresh token that continues it."""

    access_token: str
    expires_in: int  # seconds
    permissions: list[str]
    must_change_password: bool
    refresh_token: str
    refresh_expires_at: datetime
    device_token: str | None = None

    def __repr__(self) -> str:
        return f"Grant(expires_in={self.expires_in})"


class SessionService:
    """Opens, checks, continues and ends sessions."""

    def __init__(self, database: Database, tokens: Tokens) -> None:
        self._database = database
        self._tokens = tokens

    async def open(self, session: AsyncSession, account: Account, client: Client) -> Grant:
        """Begin a session of ``account``, whose password was just proved, in the caller's transaction."""
        secret, now = _text(secrets.token_bytes(32)), utcnow()
        row = LoginSession(
            id=uuid.uuid4(),
            username=account.username,
            token_version=account.token_version,
            network=client.network,
            refresh_hash=_hash(secret),
            rotation_key=secrets.token_bytes(32),
            rotated_at=now,
            created_at=now,
            expires_at=now + IDLE_LIFE,
        )
        sessions = SessionRepository(session)
        sessions.add(row)
        await sessions.forget(KEPT)
        return self._grant(row, account, secret, self._tokens.device(account.username))

    def recognise(self, access_token: str) -> None:
        """Raise what ``authenticate`` would for a token that we did not sign or whose time is over; asks
        no database.
        """
        self._tokens.read_access(access_token)

    async def authenticate(self, access_token: str, address: str) -> Principal:
        """Who an access token belongs to.

        Their permissions are those that the token carries and the account still has. Raises
        ``NotAuthenticated`` for no token of ours, ``TokenExpired`` past its time or its session's.
        """
        claims = self._tokens.read_access(access_token)
        async with self._database.session() as session:
            found = await SessionRepository(session).with_account(claims.session_id)
        if found is None or found[1].username != claims.username:
            raise NotAuthenticated
        row, account = found
        if not _stands(row, account):
            raise TokenExpired
        return Principal(
            username=account.username,
            role=account.role,
            permissions=claims.permissions & frozenset(account.permissions),
            session_id=row.id,
            must_change_password=account.must_change_password,
            address=address,
        )

    async def refresh(self, refresh_token: str, address: str) -> Grant:
        """Continue a session.

        Raises ``NotAuthenticated`` for no token of ours, and ``TokenExpired`` when the session has
        ended or ends now because its token was used twice.
        """
        session_id, secret = _split(refresh_token)
        async with self._database.session() as session:
            found = await SessionRepository(session).with_account(session_id, lock=True)
            if found is None:
                raise NotAuthenticated
            row, account = found
            if not _stands(row, account):
                raise TokenExpired
            now, successor = utcnow(), _successor(row, secret)
            if _is_current(row, secret):
                row.refresh_hash, row.rotated_at = _hash(successor), now
                row.expires_at = min(row.created_at + LONGEST_LIFE, now + IDLE_LIFE)
                return self._grant(row, account, successor)
            if _is_current(row, successor) and now - row.rotated_at <= GRACE:
                return self._grant(row, account, successor)
            row.ended_at, row.end_reason = now, "refresh_reused"
            AccountRepository(session).record(account.username, "session.refresh_reused", address=address)
        log.warning("session.refresh_reused", account=account.username, address=address)
        raise TokenExpired

    async def end(self, principal: Principal) -> None:
        """Log out: this session's tokens are worth nothing from now on."""
        await self._end(principal.session_id, principal.username, principal.address)

    async def end_by_refresh(self, refresh_token: str, address: str) -> None:
        """Log out by the refresh cookie alone; raises like ``refresh``."""
        session_id, secret = _split(refresh_token)
        async with self._database.session() as session:
            found = await SessionRepository(session).with_account(session_id)
        if found is None or not any(
            _is_current(found[0], one) for one in (secret, _successor(found[0], secret))
        ):
            raise NotAuthenticated
        await self._end(session_id, found[1].username, address)

    async def end_all(self, principal: Principal) -> None:
        """Log out everywhere, here too."""
        async with self._database.session() as session:
            accounts = AccountRepository(session)
            await accounts.end_sessions(principal.username)
            accounts.record_by(principal, "logout.everywhere")
        log.info("logout.everywhere", account=principal.username)

    async def _end(self, session_id: uuid.UUID, username: str, address: str) -> None:
        async with self._database.session() as session:
            if await SessionRepository(session).end(session_id, "logout"):
                AccountRepository(session).record(username, "logout", address=address)
        log.info("logout", account=username)

    def _grant(
        self, row: LoginSession, account: Account, secret: str, device_token: str | None = None
    ) -> Grant:
        permissions = sorted(account.permissions)
        return Grant(
            access_token=self._tokens.access(account.username, permissions, row.id),
            expires_in=int(ACCESS_LIFE.total_seconds()),
            permissions=permissions,
            must_change_password=account.must_change_password,
            refresh_token=f"{row.id.hex}.{secret}",
            refresh_expires_at=row.expires_at,
            device_token=device_token,
        )


def _stands(row: LoginSession, account: Account) -> bool:
    return row.ended_at is None and row.expires_at > utcnow() and row.token_version == account.token_version


def _split(refresh_token: str) -> tuple[uuid.UUID, str]:
    session_id, _, secret = refresh_token.partition(".")
    with contextlib.suppress(ValueError):
        if secret:
            return uuid.UUID(session_id), secret
    raise NotAuthenticated


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _successor(row: LoginSession, secret: str) -> str:
    return _text(hmac.digest(row.rotation_key, secret.encode(), "sha256"))


def _is_current(row: LoginSession, secret: str) -> bool:
    return hmac.compare_digest(_hash(secret), row.refresh_hash)
