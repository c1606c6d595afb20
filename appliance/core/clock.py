"""Time as the appliance uses it: aware UTC for records, one monotonic budget for a job."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator
from pydantic_core import PydanticCustomError

from appliance.core.language import Message


def utcnow() -> datetime:
    """The current time, aware, in UTC: the only kind of time that is stored."""
    return datetime.now(UTC)


def stamp(moment: datetime, *, seconds: bool = False) -> str:
    """``moment`` as every answer and file writes it, in UTC; ``seconds``: without fractions of them."""
    text = moment.astimezone(UTC).isoformat(timespec="seconds" if seconds else "auto")
    return text.replace("+00:00", "Z")


def in_reach(moment: datetime) -> datetime:
    """``moment`` itself; raises ``ValueError`` where another time zone would lead out of the calendar."""
    if not MINYEAR < moment.year < MAXYEAR:
        raise ValueError(Message("must be a time in a possible range"))
    return moment


def _spelt_out(value: Any) -> Any:
    """``value``, unless it is a bare number: Pydantic would count seconds, or milliseconds, since 1970."""
    try:
        float(value)
    except (TypeError, ValueError):
        return value
    raise PydanticCustomError("datetime_parsing", "is a number")


def _in_utc(moment: datetime) -> datetime:
    return in_reach(moment).astimezone(UTC)


Moment = Annotated[AwareDatetime, BeforeValidator(_spelt_out), AfterValidator(_in_utc)]


@dataclass(frozen=True, slots=True)
class Deadline:
    """The instant at which a job must have been answered, on the monotonic clock, in seconds.

    One deadline is made when the first byte of a request arrives and is handed down through
    every step; nobody makes a second one for the same job.
    """

    started: float
    expires: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """A deadline that starts now and ends ``seconds`` later."""
        now = time.monotonic()
        return cls(started=now, expires=now + seconds)

    @property
    def seconds(self) -> float:
        """The whole budget, in seconds."""
        return self.expires - self.started

    def elapsed(self) -> float:
        """Seconds since the deadline started."""
        return time.monotonic() - self.started

    def remaining(self) -> float:
        """Seconds left, never below 0."""
        return max(0.0, self.expires - time.monotonic())

    def shortened(self, seconds: float) -> Deadline:
        """The same start, ending ``seconds`` earlier: what a step may use of the whole."""
        return Deadline(self.started, max(self.started, self.expires - seconds))

    @asynccontextmanager
    async def guard(self) -> AsyncIterator[asyncio.Timeout]:
        """Cancel the block when the deadline passes; raises ``TimeoutError`` then.

        What is yielded tells by ``expired()`` whether it was this deadline or something else's.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout_at(loop.time() + (self.expires - time.monotonic())) as limit:
            yield limit
