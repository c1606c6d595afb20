"""Logging in (UC0), and changing one's own password."""

from __future__ import annotations

import asyncio
import re

import structlog

from appliance.accounts.actions import AuditAction
from appliance.accounts.models import Account
from appliance.accounts.permissions import Principal
from appliance.accounts.repository import AccountRepository
from appliance.accounts.service import AccountService
from appliance.accounts.sessions import Grant, SessionService
from appliance.accounts.throttle import Client, LoginThrottle, Taken
from appliance.core.db import Database
from appliance.core.errors import InvalidCredentials, NotAuthenticated, TooManyLogins, ValidationFailed
from appliance.core.language import Message
from appliance.core.passwords import MAX_PASSWORD_BYTES, PasswordChecker, hash_password
from appliance.core.validation import at_least_characters, at_most_bytes

log = structlog.get_logger()

MIN_PASSWORD_CHARS = 10
USERNAME = re.compile(r"[a-z][a-z0-9_.-]{1,31}")
NOBODY = "?"  # stands for every name that no account can have
# The hash of a random text that nobody knows: an unknown account costs as much time as a known one.
HASH_OF_NOBODY = "$2b$12$ARj4eg42hbMWmo2y5.LCEexqNheFE6l2uo02NLa2NqXUlcPTmx3p2"
_AT_A_TIME = 2  # bcrypt is slow on purpose; a rush of logins must not take the processor from photos


class LoginService:
    """Proves passwords and opens sessions."""

    def __init__(
        self,
        database: Database,
        accounts: AccountService,
        sessions: SessionService,
        throttle: LoginThrottle,
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._sessions = sessions
        self._throttle = throttle
        self._checker = PasswordChecker(remembered=0)  # an answer from memory would be a faster one
        self._permits = asyncio.Semaphore(_AT_A_TIME)

    async def login(self, username: str, password: str, client: Client) -> Grant:
        """Open a session.

        Raises ``InvalidCredentials``, after the same work whether or not there is such an
        account, or ``TooManyLogins`` before the password was looked at.
        """
        name = normalized_username(username)
        taken = await self._admit(name, client)
        account = await self._account(name)
        right = await self._matches(password, account.password_hash if account else HASH_OF_NOBODY)
        if account is None or not right:
            await self._note("login.refused", name if account else None, client.address)
            raise InvalidCredentials
        async with self._database.session() as session:
            grant = await self._sessions.open(session, account, client)
            await self._throttle.give_back(session, taken)
            AccountRepository(session).record(name, "login.succeeded", address=client.address)
        log.info("login.succeeded", account=name, address=client.address)
        return grant

    async def change_password(self, who: Principal, current: str, new: str) -> Grant:
        """Give one's own account a new password: every session ends, and a new one begins here.

        Raises ``InvalidCredentials`` for a wrong current password, ``TooManyLogins``, or
        ``ValidationFailed`` for a new one that will not do.
        """
        if problem := password_problem(new, who.username, current):
            raise ValidationFailed(fields={"new_password": problem})
        taken = await self._throttle.admit_change(who.username)
        account = await self._account(who.username)
        if account is None:
            raise NotAuthenticated
        if not await self._matches(current, account.password_hash):
            await self._note("account.password_refused", who.username, who.address)
            raise InvalidCredentials(
                Message("The current password is wrong."), fields={"current_password": Message("is wrong")}
            )
        hashed = await hash_password(new)
        async with self._database.session() as session:
            await self._accounts.store_password(
                session, who.username, hashed, by=who.username, address=who.address
            )
            await self._throttle.give_back(session, taken)
            changed = await AccountRepository(session).get(who.username)
            assert changed is not None  # noqa: S101 - it was changed a line above
            grant = await self._sessions.open(session, changed, Client(who.address))
        await self._accounts.forget_first_password(who.username)
        log.info("account.password_changed", account=who.username)
        return grant

    async def _admit(self, name: str, client: Client) -> Taken:
        try:
            return await self._throttle.admit(name, client)
        except TooManyLogins as refused:
            log.warning("login.throttled", address=client.address, retry_after=refused.retry_after)
            if await self._throttle.worth_noting(client):
                account = await self._account(name)
                await self._note("login.throttled", name if account else None, client.address)
            raise

    async def _account(self, name: str) -> Account | None:
        async with self._database.session() as session:
            return await AccountRepository(session).get(name)

    async def _matches(self, password: str, hashed: str) -> bool:
        async with self._permits:
            return await self._checker.matches(password, hashed)

    async def _note(self, action: AuditAction, account: str | None, address: str) -> None:
        """A name that is no account's is not written down: it may be a password in the wrong field."""
        async with self._database.session() as session:
            AccountRepository(session).record(account or "unknown", action, address=address)
        log.warning(action, account=account or "unknown", address=address)


def normalized_username(username: str) -> str:
    """A user name as accounts have it: phones begin it with a capital letter and end it with a space."""
    name = username.strip().lower()
    return name if USERNAME.fullmatch(name) else NOBODY


def password_problem(new: str, username: str, current: str) -> Message | None:
    """Why ``new`` will not do as the password of ``username``, or ``None``."""
    if len(new) < MIN_PASSWORD_CHARS:
        return at_least_characters(MIN_PASSWORD_CHARS)
    if len(new.encode()) > MAX_PASSWORD_BYTES:
        return at_most_bytes(MAX_PASSWORD_BYTES)
    if new == current:
        return Message("must differ from the current one")
    if username in new.lower():
        return Message("must not contain the user name")
    return None
