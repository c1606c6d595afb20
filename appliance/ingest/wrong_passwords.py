"""How often somebody may try an ingest password, or a booth key, that we have not seen before.

A try costs a quarter of a second of bcrypt, and booths share their network with guests. Tries are
therefore counted before anything is hashed: for each address, and for all addresses that have been
wrong before. A password that was found right is known and never counted, so no stranger can shut out
a booth; an address that was never wrong has its own allowance whatever others do.
Kept in memory: a restart forgives, and costs an attacker nothing that the limit would have given. Several
processes tell each other of a try once it was found wrong, so that it counts in all of them; and where no
try is left, they ask each other whether it was found right, so that a booth is let in by all of them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from appliance.accounts.actions import AuditAction
from appliance.accounts.repository import AccountRepository
from appliance.core.db import Database
from appliance.core.errors import RateLimited
from appliance.core.language import Message
from appliance.core.newest import Newest
from appliance.core.ratelimit import Limit, RateLimiter
from appliance.core.siblings import ALONE, Siblings
from appliance.core.tasks import begin

# 10 a minute are 14,400 tries a day from one address and 86,400 from all: with the 10 characters that a
# password has at least, made of the 28 letters we use, a year finds one in 10 million million.
PER_ADDRESS = Limit.parse("10 per minute")
OF_ALL = Limit.parse("60 per minute")
# Lines in the audit log about wrong ones.
NOTES_OF_ADDRESS = Limit.parse("1 per 10 minutes")
NOTES_OF_ALL = Limit.parse("30 per hour")
_WRONG, _RIGHT, _KNOWN = "wrong_password", "right_password", "is_known_password"
MOST_ADDRESSES = 4096  # remembered; the one that was quiet for longest is forgotten first
MOST_RIGHT = 1024  # digests


@dataclass(slots=True)
class _Bucket:
    limit: Limit
    tokens: float
    at: float

    def refill(self) -> float:
        now = time.monotonic()
        self.tokens = min(self.limit.count, self.tokens + (now - self.at) * self.limit.per_second)
        self.at = now
        return self.tokens

    def wait(self) -> int:
        """Whole seconds until one is there; 0 when it is."""
        return 0 if self.refill() >= 1 else math.ceil((1 - self.tokens) / self.limit.per_second)


class WrongPasswords:
    """Counts tries of ingest passwords and booth keys by network (an IPv4 address, an IPv6 /64)."""

    def __init__(self) -> None:
        self._of_all = _new(OF_ALL)
        self._networks: Newest[str, _Bucket] = Newest(MOST_ADDRESSES)
        self._right: Newest[str, None] = Newest(MOST_RIGHT)
        self._siblings = ALONE

    def between(self, siblings: Siblings) -> None:
        """Count for all processes together."""
        self._siblings = siblings
        siblings.on(_WRONG, partial(self._heard, self._count))
        siblings.on(_RIGHT, partial(self._heard, self._forget))
        siblings.on(_KNOWN, self._is_known)

    async def allow(self, network: str, digest: str) -> None:
        """Count a try before it is made. Raises ``RateLimited`` where there is none left, unless another
        process has found right what is sent now: of that, ``digest`` says nothing to anybody else.
        """
        try:
            self.take(network)
        except RateLimited:
            if True not in await self._siblings.ask(_KNOWN, digest=digest):
                raise

    def take(self, network: str) -> None:
        """Count a try before it is made; raises ``RateLimited`` where there is none left."""
        own = self._networks.get(network)
        wait = own.wait() if own else 0
        if own is not None and not wait:
            wait = self._of_all.wait()
        if wait:
            raise RateLimited(
                Message(
                    "Too many wrong ingest passwords or booth keys came from this address. Enter the right "
                    "one in the booth software, and wait a moment."
                ),
                retry_after=wait,
            )
        self._count(network)

    def was_wrong(self, network: str) -> None:
        """The try was wrong: it counts in the other processes, too."""
        self._tell(_WRONG, network)

    def forgive(self, network: str, digest: str) -> None:
        """The try was right: it does not count, and none of those before."""
        self._right[digest] = None
        self._forget(network)
        self._tell(_RIGHT, network)

    def _count(self, network: str) -> None:
        own = self._networks.get(network)
        if own is None:
            own = _new(PER_ADDRESS)
        else:
            self._of_all.tokens -= 1
        own.refill()
        own.tokens -= 1
        self._networks[network] = own

    def _forget(self, network: str) -> None:
        self._networks.pop(network, None)

    def _tell(self, what: str, network: str) -> None:
        """Nobody waits for it."""
        if self._siblings is not ALONE:
            begin(self._siblings.ask(what, network=network))

    async def _is_known(self, facts: dict[str, Any]) -> bool:
        return facts["digest"] in self._right

    async def _heard(self, what: Callable[[str], None], facts: dict[str, Any]) -> Any:
        what(facts["network"])


def _new(limit: Limit) -> _Bucket:
    return _Bucket(limit, float(limit.count), time.monotonic())


async def note_refusal(database: Database, network: str, action: AuditAction) -> None:
    """Write into the audit log where a wrong password or key came from, now and then."""
    async with database.session() as session:
        limits = RateLimiter(session)
        if await limits.take(f"note:ingest:{network}", NOTES_OF_ADDRESS):
            return
        if await limits.take("note:ingest", NOTES_OF_ALL):
            return
        AccountRepository(session).record("booth", action, address=network)
