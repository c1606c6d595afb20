"""Pauses that several processes share: a row each, in ``provider_pause``.

Memory is what photos go by. A task beside them writes what this process learned and reads what the others
did, so that no photo waits for the database, and without one each process goes by what it knows itself.
Times are on the database's clock, as seconds that are left: clocks of processes need not agree.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import text

from appliance.core.db import Database
from appliance.core.tasks import Background, wait_for_event
from appliance.providers.pauses import Pause, Pauses

log = structlog.get_logger()

LOOK_EVERY = 0.5  # seconds
LONGEST = 30 * 86400.0  # seconds: a provider's own word may be any number
_REASON = 200  # characters
_CLOSE_SECONDS = 2.0

_BEGIN = text("""
insert into provider_pause (name, set_at, until, forget_at, reason, spent, since)
select :name, now.at, now.at + make_interval(secs => :left), now.at + make_interval(secs => :left + :kept),
    :reason, :spent, :since
from (select clock_timestamp() as at) now
on conflict (name) do update set set_at = excluded.set_at, until = excluded.until,
    forget_at = excluded.forget_at, reason = excluded.reason, spent = excluded.spent, since = excluded.since
""")
_END = text("delete from provider_pause where name = :name or forget_at < clock_timestamp()")
# A clock that was set back prolongs nothing.
_READ = text("""
select name, set_at, reason, spent, since,
    cast(extract(epoch from least(until - clock_timestamp(), until - set_at)) as double precision) as left_,
    cast(extract(epoch from forget_at - until) as double precision) as kept
from provider_pause where forget_at > clock_timestamp()
""")


class SharedPauses(Pauses, Background):
    """Those of one of several processes."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self._exchanging = asyncio.Lock()
        self._unwritten: set[str] = set()
        self._wake = asyncio.Event()
        self._seen: dict[str, datetime] = {}  # by name: the row that was read last
        self._answers = True

    async def load(self) -> None:
        """See ``Pauses``; raises what the database raises."""
        await self._exchange()

    def changed(self, name: str) -> None:
        """See ``Pauses``: it is written soon, and nobody waits."""
        self._unwritten.add(name)
        self._wake.set()

    async def work(self) -> None:
        """See ``Background``."""
        while True:
            self._wake.clear()
            try:
                await self._exchange()
                self._answers = True
            except Exception as error:  # noqa: BLE001 - the database is away: each goes by what it knows
                if self._answers:
                    log.info("pauses.not_shared", error=type(error).__name__)
                self._answers = False
            if self._answers:
                await wait_for_event(self._wake, LOOK_EVERY)
            else:
                await asyncio.sleep(LOOK_EVERY)

    async def aclose(self) -> None:
        """Work no more; what was just learned is still written, if that takes no time."""
        await super().aclose()
        if self._unwritten and self._answers:
            try:
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._exchange()
            except Exception as error:  # noqa: BLE001 - it is learned again
                log.info("pauses.not_shared", error=type(error).__name__)

    async def _exchange(self) -> None:
        """Write what was learned here, read all there is; what is not written is tried again."""
        async with self._exchanging:
            writing, self._unwritten = self._unwritten, set()
            try:
                async with self._database.session() as session:
                    for name in sorted(writing):  # in one order in all processes
                        await session.execute(*self._writes(name))
                    rows = (await session.execute(_READ)).all()
            except BaseException:
                self._unwritten |= writing
                raise
            self._take_over(rows)

    def _writes(self, name: str) -> tuple[Any, dict[str, Any]]:
        """The statement that makes a row say what is known here."""
        pause = self.get(name)
        if pause is None:
            return _END, {"name": name}
        return _BEGIN, {
            "name": name,
            "left": min(self.left(name), LONGEST),
            "kept": pause.kept,
            "reason": _plain(pause.reason),
            "spent": pause.spent,
            "since": pause.since,
        }

    def _take_over(self, rows: Iterable[Any]) -> None:
        """What changed since the last look, except where something newer was learned here meanwhile."""
        read = {row.name: row for row in rows}
        for name in {*read, *self._seen} - self._unwritten:
            row = read.get(name)
            if row is None:
                self.heard(name, None)
            elif self._seen.get(name) != row.set_at:
                until = self.clock() + row.left_
                self.heard(name, Pause(until, row.reason, row.kept, row.spent, row.since))
        self._seen = {name: row.set_at for name, row in read.items()}


def _plain(reason: str) -> str:
    """As the database takes it: a provider may have said anything."""
    return reason.replace("\0", "").encode(errors="replace").decode()[:_REASON]
