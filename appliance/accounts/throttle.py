"""How often a password may be tried: slow for strangers, never closed to who belongs here.

Every try takes from token buckets in Postgres before the password is looked at, so the limits
hold across restarts and processes. Whose bucket it is depends on what the client can show:

1. *A device that logged in before* (a signed cookie for this account, set at every login, 90 days):
   the device's own bucket. Nobody else can empty it: not from the same address, not by
   trying the same account. A browser with a valid session has this cookie too.
2. *An address from which this account logged in* in the last 30 days: a bucket of that account
   at that address. Neither tries from elsewhere nor tries of other accounts reach it.
3. *Anybody else*: a bucket of the address, and a bucket of the account that all strangers share. When
   strangers have emptied the latter, each address is still granted three tries an hour of its own:
   an account that is attacked from everywhere becomes slow for unknown places and closed to none.

So a stranger delays an administrator only by sitting at the administrator's own address while the
latter uses a browser that never logged in before, and then by seconds a try.

A login that succeeds is given back what it took: only failures use up an allowance, and one
account's success refills nothing of another's. An address is what Uvicorn makes of
``X-Forwarded-For``, which only trusted proxies may set; IPv6 counts by its /64, since one client
has all of it. Account names are kept as digests: people type passwords into the wrong field.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from appliance.accounts.repository import SessionRepository
from appliance.accounts.tokens import Tokens
from appliance.core.clients import network_of
from appliance.core.db import Database
from appliance.core.errors import TooManyLogins
from appliance.core.ratelimit import Limit, RateLimiter

KNOWN_FOR = timedelta(days=30)  # how long a good login vouches for its address

PER_DEVICE = Limit.parse("10 per 5 minutes")
PER_KNOWN_ADDRESS = Limit.parse("10 per 5 minutes")
PER_ADDRESS = Limit.parse("10 per 5 minutes")
PER_ACCOUNT = Limit.parse("30 per 5 minutes")  # all strangers together
PER_STRANGER_OF_A_BUSY_ACCOUNT = Limit.parse("3 per hour")
PER_CHANGE = Limit.parse("10 per 5 minutes")  # tries of the current password by who is logged in
NOTES_OF_THROTTLING = Limit.parse("1 per minute")  # lines in the audit log, for each address


Taken = list[tuple[str, Limit]]  # the buckets that a try took from; given back to when it succeeds


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from: the true address, and the device cookie if it sent one."""

    address: str
    device: str | None = None

    @property
    def network(self) -> str:
        """The address as the throttle counts it."""
        return network_of(self.address)


class LoginThrottle:
    """Admits tries to log in; see the module's description."""

    def __init__(self, database: Database, tokens: Tokens) -> None:
        self._database = database
        self._tokens = tokens

    async def admit(self, username: str, client: Client) -> Taken:
        """Take one try of ``username``; raises ``TooManyLogins`` with the seconds to wait."""
        account = _digest(username)
        device = self._tokens.read_device(client.device, username) if client.device else None
        async with self._database.session() as session:
            buckets = RateLimiter(session)
            if device:
                return await _take(buckets, f"login:device:{device}", PER_DEVICE)
            if await SessionRepository(session).began_at(username, client.network, KNOWN_FOR):
                return await _take(buckets, f"login:known:{account}:{client.network}", PER_KNOWN_ADDRESS)
            of_address = await _take(buckets, f"login:address:{client.network}", PER_ADDRESS)
            of_account = await _take_as_stranger(buckets, account, client.network)
            return [*of_address, *of_account]

    async def admit_change(self, username: str) -> Taken:
        """Take one try of the current password by somebody logged in as ``username``."""
        async with self._database.session() as session:
            return await _take(RateLimiter(session), f"password:{_digest(username)}", PER_CHANGE)

    async def worth_noting(self, client: Client) -> bool:
        """Whether a throttled try goes to the audit log: a flood must not fill the disk."""
        async with self._database.session() as session:
            return not await RateLimiter(session).take(f"login:note:{client.network}", NOTES_OF_THROTTLING)

    @staticmethod
    async def give_back(session: AsyncSession, taken: Taken) -> None:
        """Return what a successful try took, and forget buckets that are long full again."""
        buckets = RateLimiter(session)
        for key, limit in taken:
            await buckets.give_back(key, limit)
        await buckets.forget_old()


async def _take(buckets: RateLimiter, key: str, limit: Limit) -> Taken:
    wait = await buckets.take(key, limit)
    if wait:
        raise TooManyLogins(retry_after=max(1, math.ceil(wait)))
    return [(key, limit)]


async def _take_as_stranger(buckets: RateLimiter, account: str, network: str) -> Taken:
    try:
        return await _take(buckets, f"login:account:{account}", PER_ACCOUNT)
    except TooManyLogins:
        return await _take(buckets, f"login:last:{account}:{network}", PER_STRANGER_OF_A_BUSY_ACCOUNT)


def _digest(username: str) -> str:
    return hashlib.sha256(username.encode()).hexdigest()[:32]
