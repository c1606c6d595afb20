"""Limits as data (``"10 per 5 minutes"``) and token buckets in Postgres that survive a restart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import String, delete, func, select, text
from sqlalchemy.orm import Mapped, mapped_column

from appliance.core.db import Base, Repository

BUCKETS_KEPT = timedelta(hours=12)  # longer than any limit; keys may hold addresses, none is kept for a day
_LIMIT = re.compile(r"(?P<count>[1-9]\d*) per (?:(?P<times>[1-9]\d*) )?(?P<unit>second|minute|hour|day)s?")
_UNIT_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}

# One statement: the row's lock makes concurrent takers wait for each other, and a bucket without
# enough in it is left as it is. A clock that was set back counts as time that has passed: otherwise nothing
# would come back until it is as late again. `before` only serves to tell a refused taker how long to wait.
_TAKE = text("""
with before as (
    select least(:capacity, tokens + :rate * abs(extract(epoch from clock_timestamp() - updated_at)))
        as tokens
    from rate_bucket where key = :key
), taken as (
    insert into rate_bucket as bucket (key, tokens, updated_at)
    values (:key, cast(:capacity as double precision) - 1, clock_timestamp())
    on conflict (key) do update set
        tokens = least(:capacity, bucket.tokens
            + :rate * abs(extract(epoch from clock_timestamp() - bucket.updated_at))) - 1,
        updated_at = clock_timestamp()
    where least(:capacity, bucket.tokens
            + :rate * abs(extract(epoch from clock_timestamp() - bucket.updated_at))) >= 1
    returning tokens
)
select (select tokens from taken) as taken, (select tokens from before) as before
""")
_GIVE_BACK = text("update rate_bucket set tokens = least(:capacity, tokens + 1) where key = :key")


class RateBucket(Base):
    """A token bucket: how many tries a key had left at ``updated_at``; time refills it."""

    __tablename__ = "rate_bucket"

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    tokens: Mapped[float]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``count`` at once, refilled evenly over ``seconds``."""

    count: int
    seconds: float

    @classmethod
    def parse(cls, words: str) -> Limit:
        """``"10 per 5 minutes"``, ``"1 per hour"``; raises ``ValueError`` for anything else."""
        found = _LIMIT.fullmatch(words)
        if not found:
            raise ValueError(f"{words!r} is no limit; write it as '10 per 5 minutes'")
        return cls(int(found["count"]), int(found["times"] or 1) * _UNIT_SECONDS[found["unit"]])

    @property
    def per_second(self) -> float:
        """How many come back each second."""
        return self.count / self.seconds


class RateLimiter(Repository):
    """Takes from buckets inside the caller's session; commit soon, the bucket's row is locked."""

    async def take(self, key: str, limit: Limit) -> float:
        """Take one from ``key``; 0 when it was there, else the seconds until it will be."""
        values = {"key": key, "capacity": float(limit.count), "rate": limit.per_second}
        taken, before = (await self._session.execute(_TAKE, values)).one()
        if taken is not None:
            return 0.0
        missing = 1 - before if before is not None and before < 1 else 1.0
        return missing / limit.per_second

    async def is_there(self, key: str) -> bool:
        """Whether anything was ever taken from ``key``, as far as that is remembered."""
        return await self._session.get(RateBucket, key) is not None

    async def give_back(self, key: str, limit: Limit) -> None:
        """Return one to ``key``: what it was taken for did no harm."""
        await self._session.execute(_GIVE_BACK, {"key": key, "capacity": float(limit.count)})

    async def forget_old(self) -> None:
        """Drop buckets that nobody used for ``BUCKETS_KEPT``: they are full."""
        old = select(RateBucket.key).where(RateBucket.updated_at < func.now() - BUCKETS_KEPT)
        await self._session.execute(
            delete(RateBucket).where(RateBucket.key.in_(old.with_for_update(skip_locked=True)))
        )
