"""Each machine says every two seconds how it is; one that is not fit keeps its door closed.

A node takes photos only while it has the first machine's tables, folder and keys, and nearly its clock.
Otherwise its log, ``/readyz`` and every machine's doctor say what is wrong, and the others serve.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from appliance import __version__
from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.node_door import NodeDoor
from appliance.core.tasks import Background
from appliance.nodes.common import read_mark, secrets_digest, write_mark
from appliance.nodes.repository import NodeRepository, Seen

log = structlog.get_logger()

EVERY = 2.0  # seconds
PATIENCE = 3.0  # seconds for the database, and for the folder
MOST_AHEAD = 30.0  # seconds between a node's clock and the database's; links and deadlines bear this much
FIRST = 1

# Why a node takes no photos; ``preflight.node.*`` has the words.
Problem = Literal[
    "database_away",
    "tables_older",
    "tables_newer",
    "number_taken",
    "no_first",
    "clock",
    "folder_away",
    "folder_other",
    "secrets",
]
TablesAge = Callable[[str], Literal["current", "older", "newer"]]


@dataclass(frozen=True, slots=True)
class Me:
    """The machine that asks."""

    number: int
    media_root: Path
    secrets_dir: Path
    host: str = field(default_factory=lambda: socket.gethostname()[:80])
    version: str = field(default_factory=lambda: os.environ.get("APPLIANCE_VERSION", __version__)[:80])


@dataclass(slots=True)
class Look:
    """What one look at everything found. ``others``: all rows, this machine's too."""

    problem: Problem | None = None
    clock_ahead: float | None = None
    database_ms: float | None = None
    revision: str | None = None
    others: tuple[Seen, ...] = ()

    @property
    def first(self) -> Seen | None:
        """The first machine, if it has said anything."""
        return next((one for one in self.others if one.row.number == FIRST), None)


class Looking:
    """Looks how this machine stands to the others. ``says``: whether it leaves a row and a mark, as the app
    does; the doctor only looks.
    """

    def __init__(self, database: Database, me: Me, tables_age: TablesAge, *, says: bool) -> None:
        self._database, self._me, self._tables_age = database, me, tables_age
        self._says = says
        self._reading: asyncio.Task[str | None] | None = None
        self.told: Problem | None = None  # what the row says is wrong

    async def look(self) -> Look:
        """Everything once; never longer than it may."""
        found = Look()
        found.problem = await self._problem(found)
        return found

    async def _problem(self, found: Look) -> Problem | None:
        digest = await asyncio.to_thread(secrets_digest, self._me.secrets_dir)
        try:
            async with asyncio.timeout(PATIENCE):
                mark = await self._ask_database(found, digest)
        except Exception as error:  # noqa: BLE001 - whatever the driver raises, it cannot be asked
            log.info("node.no_database", error=type(error).__name__)
            return "database_away"
        return (
            self._of_the_tables(found)
            or ("number_taken" if self._says and mark is None else None)
            or ("no_first" if self._me.number != FIRST and found.first is None else None)
            or ("clock" if abs(found.clock_ahead or 0.0) > MOST_AHEAD else None)
            or await self._of_the_folder(found, mark)
            or self._of_the_keys(found, digest)
        )

    def _of_the_tables(self, found: Look) -> Problem | None:
        age = "older" if found.revision is None else self._tables_age(found.revision)
        return None if age == "current" else "tables_older" if age == "older" else "tables_newer"

    async def _ask_database(self, found: Look, digest: str) -> str | None:
        """The mark of the machine that asks, where it says something and its number is its own."""
        before, since = utcnow(), time.monotonic()
        async with self._database.session() as session:
            now = await NodeRepository(session).clock()
            took = time.monotonic() - since
            found.clock_ahead = (before - now).total_seconds() + took / 2
            found.database_ms = took * 1000
            if await session.scalar(text("select to_regclass('alembic_version')")) is None:
                return None
            found.revision = await session.scalar(text("select version_num from alembic_version"))
            if await session.scalar(text("select to_regclass('node')")) is None:
                return None
            mark = await self._say(session, digest, found) if self._says else None
            found.others = tuple(await NodeRepository(session).all())
        return mark

    async def _say(self, session: AsyncSession, digest: str, found: Look) -> str | None:
        me = self._me
        return await NodeRepository(session).say(
            number=me.number,
            host=me.host,
            mark=secrets.token_hex(16),
            version=me.version,
            secrets=digest,
            clock_ahead=found.clock_ahead,
            database_ms=found.database_ms,
            problem=self.told,
        )

    async def _of_the_folder(self, found: Look, mark: str | None) -> Problem | None:
        """A disk that hangs is asked once, until it answers."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(asyncio.to_thread(self._first_mark, mark))
        try:
            seen = await asyncio.wait_for(asyncio.shield(self._reading), PATIENCE)
        except (OSError, TimeoutError) as error:
            log.info("node.no_folder", error=type(error).__name__)
            return "folder_away"
        if found.first is not None and self._me.number != FIRST and seen != found.first.row.mark:
            return "folder_other"
        return None

    def _first_mark(self, mark: str | None) -> str | None:
        root = self._me.media_root
        if mark is not None:
            write_mark(root, self._me.number, mark)
        else:
            (root / "results").stat()
        return read_mark(root, FIRST)

    def _of_the_keys(self, found: Look, digest: str) -> Problem | None:
        if self._me.number != FIRST and found.first and found.first.row.secrets != digest:
            return "secrets"
        return None


class NodeWatch(Background):
    """Says how this machine is, and opens and closes its ``door``; the first machine has none."""

    def __init__(self, database: Database, me: Me, tables_age: TablesAge, door: NodeDoor | None) -> None:
        self._database, self._me, self._door = database, me, door
        self._looking = Looking(database, me, tables_age, says=True)
        self._bad_looks = 0
        self._told: Problem | Literal["nothing"] | None = "nothing"
        self.state: str = "it has not looked yet"  # ``ok``, or why it takes no photos

    async def work(self) -> None:
        """See ``Background``."""
        while True:
            await self._turn((await self._looking.look()).problem)
            await asyncio.sleep(EVERY)

    async def _turn(self, problem: Problem | None) -> None:
        """One bad look is none where the last was good: a database may be busy for a moment."""
        self._bad_looks = self._bad_looks + 1 if problem else 0
        if problem and self.state == "ok" and self._bad_looks == 1:
            return
        if problem != self._told:
            self._told = problem
            if problem:
                log.warning("node.takes_no_photos", node=self._me.number, problem=problem)
            else:
                log.info("node.takes_photos", node=self._me.number)
        self.state, self._looking.told = problem or "ok", problem
        if self._door and problem:
            await self._door.close()
        elif self._door:
            await self._door.open()

    async def aclose(self) -> None:
        """Work no more, and say so."""
        await super().aclose()
        try:
            async with asyncio.timeout(1), self._database.session() as session:
                await NodeRepository(session).ended(self._me.number, self._me.host)
        except Exception as error:  # noqa: BLE001 - it is noticed a little later
            log.info("node.end_not_said", error=type(error).__name__)
