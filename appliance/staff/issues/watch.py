"""Runs the sources, opens what lasts, closes what is over. No photo waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.tasks import Background, OneOfEach, again_and_again
from appliance.staff.issues.findings import Finding, Source
from appliance.staff.issues.models import Issue
from appliance.staff.issues.repository import IssueRepository

log = structlog.get_logger()

TICK = 1.0  # seconds between two comparisons
SEEN_EVERY = 15.0  # seconds after which what is still open is written again, with its figures
_LONGEST_LOOK = 20.0
# Between the first looks of two sources. All at once, they kept a start from answering for 0.1 s, and opened
# ten connections to the database, which stay open (2 cores, 2026-11-28).
_APART = 0.1

Listener = Callable[[list[Issue], list[Issue]], Awaitable[None]]


@dataclass(slots=True)
class _OpenFinding:
    """A finding, and since when it has been there."""

    finding: Finding
    since: float
    at: datetime
    over: datetime | None = None  # when it went, where it ripened but could not be written

    @property
    def began(self) -> datetime:
        return self.finding.since or self.at


class IssueWatch(Background):
    """The only one who opens and closes issues.

    After each commit the listeners in ``changed`` are told, one after the other, what was opened and closed.
    """

    def __init__(
        self, database: Database, sources: Sequence[Source], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.changed: list[Listener] = []
        self._database, self._sources, self._clock = database, sources, clock
        self._found: dict[str, tuple[Finding, ...]] = {}
        self._seen: dict[str, _OpenFinding] = {}
        self._open: dict[str, str] | None = None  # code by key; None: not read yet
        self._written = float("-inf")
        self._looks = OneOfEach[str]()  # by source

    async def work(self) -> None:
        """See ``Background``; what another process has written meanwhile is read afresh."""
        self._found, self._seen, self._open = {}, {}, None
        for number, source in enumerate(self._sources, 1):
            self._looks.begin(source.name, partial(self._follow, source, after=_APART * number))
        await asyncio.sleep(TICK)
        await again_and_again(self.compare, TICK, "issues.not_written")

    async def stop(self) -> None:
        """See ``Background``."""
        await super().stop()
        await self._looks.stop()

    async def look(self) -> None:
        """Ask every source once, and write what came of it."""
        for source in self._sources:
            await self._ask(source)
        await self.compare()

    async def compare(self) -> None:
        """Open what has lasted and close what is over, in one short transaction."""
        now = self._clock()
        findings = {one.key: one for found in self._found.values() for one in found}
        self._remember(findings, now)
        if self._open is None:
            async with self._database.session() as session:
                self._open = {one.key: one.code for one in await IssueRepository(session).open_issues()}
        new = {
            key: seen for key, seen in self._seen.items() if key not in self._open and self._ripe(seen, now)
        }
        over = [key for key, code in self._open.items() if key not in findings and self._is_known(code)]
        again = now - self._written >= SEEN_EVERY
        if not new and not over and not again:
            return
        opened, closed = await self._write(new, over, findings if again else {})
        self._seen = {key: seen for key, seen in self._seen.items() if seen.over is None}
        self._written = now if again else self._written
        for one in opened:
            log.warning("issue.opened", key=one.key, code=one.code, severity=one.severity, slots=one.slots)
        for one in closed:
            log.info("issue.closed", key=one.key, code=one.code)
        if opened or closed:
            await self._tell(opened, closed)

    def _remember(self, findings: dict[str, Finding], now: float) -> None:
        """Take up what is new; forget what went before it was ripe, keep what could not be written."""
        for key, finding in findings.items():
            seen = self._seen.get(key)
            if seen is None or seen.over is not None:
                self._seen[key] = _OpenFinding(finding, now, utcnow())
            else:
                seen.finding = finding
        for key in self._seen.keys() - findings.keys():
            seen = self._seen[key]
            if key in (self._open or {}) or not self._ripe(seen, now):
                del self._seen[key]
            elif seen.over is None:
                seen.over = utcnow()

    def _ripe(self, seen: _OpenFinding, now: float) -> bool:
        return seen.over is not None or now - seen.since >= seen.finding.patience

    def _is_known(self, code: str) -> bool:
        """Whether the source of this code has spoken since the start, or there is none any more."""
        owners = [source.name for source in self._sources if code in source.codes]
        return all(name in self._found for name in owners)

    async def _write(
        self, new: dict[str, _OpenFinding], over: list[str], still: dict[str, Finding]
    ) -> tuple[list[Issue], list[Issue]]:
        assert self._open is not None  # noqa: S101 - it was read
        async with self._database.session() as session:
            issues = IssueRepository(session)
            for key, finding in still.items():
                if key in self._open:
                    await issues.seen(finding)
            made = [await issues.open(seen.finding, seen.began, seen.over) for seen in new.values()]
            ended = [await issues.close(key) for key in over]
            if still:
                await issues.forget_old()
            self._open = {one.key: one.code for one in await issues.open_issues()}
        opened = [one for one in made if one]
        return opened, [one for one in (*ended, *opened) if one and one.closed_at is not None]

    async def _tell(self, opened: list[Issue], closed: list[Issue]) -> None:
        for listener in self.changed:
            try:
                await listener(opened, closed)
            except Exception:
                log.exception("issue.listener_failed")  # the others are told all the same

    async def _ask(self, source: Source) -> None:
        """What a source says; where it cannot tell, what it said before stands."""
        try:
            async with asyncio.timeout(_LONGEST_LOOK):
                self._found[source.name] = tuple(await source.look())
        except Exception as error:  # noqa: BLE001 - the database is away, say: the next look follows
            log.info("issues.not_looked", source=source.name, error=type(error).__name__)

    async def _follow(self, source: Source, after: float) -> None:
        await asyncio.sleep(after)
        while True:
            await self._ask(source)
            await asyncio.sleep(source.every)
