"""What must run once, however many equal processes there are: in the process that leads.

It is the one that holds a lock of the database, on a connection of its own. When it goes, the database lets
go of the lock, and another process takes over within seconds.
"""

from __future__ import annotations

import asyncio
from typing import TypeVar

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from appliance.core.db import Database
from appliance.core.tasks import Background

log = structlog.get_logger()

LOOK_EVERY = 1.0  # seconds
# Without a sign of life for so long the database ends the connection, and somebody else leads.
_SILENT = "10s"
_LOCK_KEY = 0x50434C44


Task = TypeVar("Task", bound=Background)


class Leader(Background):
    """Starts its tasks while this process leads; one that is ``alone`` always does, and needs no lock.

    While the database is away nobody can lead: who did goes on, since some tasks look after just that.
    """

    def __init__(self, database: Database | None) -> None:
        """``None``: it is alone. It closes the database, which is to be its own."""
        alone = database is None
        self._alone, self._database = alone, database
        self._tasks: list[Background] = []
        self.leads = alone
        self.stopping = asyncio.Event()  # set when this process is about to end: it does not begin to lead

    def add(self, task: Task) -> Task:
        """``task``, which runs while this process leads."""
        self._tasks.append(task)
        if self.leads:
            task.start()
        return task

    def start(self) -> None:
        """Lead as soon as nobody else does, until ``aclose``."""
        if not self._alone:
            super().start()

    async def aclose(self) -> None:
        """Lead no more."""
        await super().aclose()
        await self._follow()
        if self._database:
            await self._database.aclose()

    async def work(self) -> None:
        """See ``Background``."""
        assert self._database  # noqa: S101 - who is alone does not start this
        while True:
            try:
                async with self._database.engine.connect() as connection:
                    await self._hold(await connection.execution_options(isolation_level="AUTOCOMMIT"))
            except Exception as error:  # noqa: BLE001 - the database is away, or ended the connection
                log.info("leader.no_database", error=type(error).__name__)
            await asyncio.sleep(LOOK_EVERY)

    async def _hold(self, connection: AsyncConnection) -> None:
        """Lead while this connection lasts and has the lock; raises when it does not any more."""
        await connection.execute(text(f"set idle_session_timeout = '{_SILENT}'"))
        taking = text("select pg_try_advisory_lock(:key)")
        while self.stopping.is_set() or not await connection.scalar(taking, {"key": _LOCK_KEY}):
            await self._follow()
            await asyncio.sleep(LOOK_EVERY)
        self._lead()
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await connection.execute(text("select 1"))

    def _lead(self) -> None:
        if self.leads:  # the connection was away for a moment, and nobody took over
            return
        self.leads = True
        log.info("leader.leads")
        for task in self._tasks:
            task.start()

    async def _follow(self) -> None:
        if not self.leads or self._alone:
            return
        log.info("leader.follows")
        for task in reversed(self._tasks):
            await task.stop()
        self.leads = False  # last: where this is broken off, ``aclose`` stops those that are left
