"""How often guests may be wrong about a PIN or a short code: slow for guessers, closed to no guest.

Every try takes before it is looked at, and what was right is given back. A try takes

1. from its address (an IPv6 address counts by its /64), with waits that grow: the first few follow each
   other, then one comes every 12, every 40, every 90 seconds;
2. from what all have together. When strangers have emptied that, each address still has a small allowance
   of its own, so that a guest with the right PIN or code gets in meanwhile.

Where the right PIN came from lately, tries take from that address alone: a party behind one address of a
router is not shut out by whoever guesses elsewhere. Codes know no such address, since whoever has a
picture has a code. What that leaves a guesser in a night stands in ``docs/guest/links.md``, and in a test.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from appliance.accounts.actions import AuditAction
from appliance.accounts.repository import AccountRepository
from appliance.core.clients import network_of
from appliance.core.db import Database
from appliance.core.errors import RateLimited
from appliance.core.newest import Newest
from appliance.core.ratelimit import Limit, RateLimiter
from appliance.guests.tokens import GuestTokens

T = TypeVar("T")
log = structlog.get_logger()

# Seconds between two tries that are more than a hurried guest needs: who must wait longer is told of.
SUSPICIOUS_SECONDS = 15
REMEMBERED = 10_000  # waits kept in memory, about 2 MB
NOTES = Limit.parse("1 per 10 minutes")  # lines in the audit log, for each gallery and for codes


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many wrong tries there are: see the module's description."""

    of_address: tuple[Limit, ...]
    of_all: Limit
    of_address_alone: Limit
    where_known: Limit | None
    action: AuditAction


_GROWING = tuple(map(Limit.parse, ("5 per minute", "15 per 10 minutes", "40 per hour")))
PINS = Allowance(
    _GROWING,
    Limit.parse("200 per 3 hours"),
    Limit.parse("3 per hour"),
    Limit.parse("40 per hour"),
    "gallery.pin_guessed",
)
CODES = Allowance(
    _GROWING, Limit.parse("300 per 12 hours"), Limit.parse("1 per hour"), None, "result.code_guessed"
)


@dataclass(frozen=True, slots=True)
class _TryBuckets:
    """The buckets of one try: of its address, in turn; then either of these two; or where it is known."""

    name: str  # of what is tried, and from where
    of_address: list[tuple[str, Limit]]
    of_all: tuple[str, Limit]
    of_address_alone: tuple[str, Limit]
    where_known: tuple[str, Limit] | None


class Guessing:
    """Admits tries of PINs and codes, and tells operators of guessers."""

    def __init__(self, database: Database, tokens: GuestTokens) -> None:
        self._database = database
        self._tokens = tokens
        # Until when who was told to wait: whoever asks before costs the database nothing. Of very many the
        # first are forgotten: the database knows them all.
        self._waits: Newest[str, float] = Newest(REMEMBERED)

    async def attempt(
        self, allowance: Allowance, what: str, address: str, look: Callable[[], Awaitable[T | None]]
    ) -> T | None:
        """What ``look`` finds; nothing found is a wrong try. ``what`` names what is tried: a gallery, codes.

        Raises ``RateLimited`` where no try is left; then ``look`` was not asked.
        """
        buckets = self._buckets(allowance, what, address)
        if (left := self._waits.get(buckets.name, 0.0) - time.monotonic()) > 0:
            raise RateLimited(retry_after=math.ceil(left))
        taken = await self._take(buckets)
        if isinstance(taken, float):
            self._waits[buckets.name] = time.monotonic() + taken
            await self._tell(allowance, what, taken)
            raise RateLimited(retry_after=math.ceil(taken))
        found = await look()
        if found is not None:
            await self._give_back(taken, buckets.where_known)
        return found

    def _buckets(self, allowance: Allowance, what: str, address: str) -> _TryBuckets:
        client = self._tokens.client(network_of(address))
        alone = f"guest:{what}:{client}"
        return _TryBuckets(
            alone,
            [(f"{alone}:{limit.seconds:g}", limit) for limit in allowance.of_address],
            (f"guest:{what}:all", allowance.of_all),
            (f"{alone}:alone", allowance.of_address_alone),
            (f"{alone}:known", allowance.where_known) if allowance.where_known else None,
        )

    async def _take(self, buckets: _TryBuckets) -> list[tuple[str, Limit]] | float:
        """The buckets that a try was taken from; or the seconds to wait, and then nothing was taken."""
        try:
            async with self._database.session() as session:
                limits = RateLimiter(session)
                if buckets.where_known and await limits.is_there(buckets.where_known[0]):
                    await _take_from(limits, [buckets.where_known])
                    return [buckets.where_known]
                await _take_from(limits, buckets.of_address)
                shared = buckets.of_all
                if await limits.take(*shared):
                    shared = buckets.of_address_alone
                    await _take_from(limits, [shared])
                return [*buckets.of_address, shared]
        except _WaitError as refused:  # the transaction was rolled back
            return refused.seconds

    async def _give_back(self, taken: list[tuple[str, Limit]], known: tuple[str, Limit] | None) -> None:
        async with self._database.session() as session:
            limits = RateLimiter(session)
            for key, limit in taken:
                await limits.give_back(key, limit)
            if known and known not in taken:  # from now on there is such a bucket
                await limits.take(*known)
                await limits.give_back(*known)

    async def _tell(self, allowance: Allowance, what: str, seconds: float) -> None:
        """A line in the audit log about whoever has to wait for long; without the address, as in all logs."""
        if seconds <= SUSPICIOUS_SECONDS:
            return
        log.warning("guest.guessing", what=what, seconds=math.ceil(seconds))
        async with self._database.session() as session:
            if not await RateLimiter(session).take(f"note:{what}", NOTES):
                AccountRepository(session).record("guest", allowance.action, what.partition(":")[2])


class _WaitError(Exception):
    """A bucket is empty for so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__("a bucket is empty")
        self.seconds = seconds


async def _take_from(limits: RateLimiter, buckets: list[tuple[str, Limit]]) -> None:
    if wait := max([await limits.take(*bucket) for bucket in buckets]):
        raise _WaitError(wait)
