"""Runs pre-flights: one at a time, as a task beside everything else, its state in the database."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from appliance.core.db import Database
from appliance.core.tasks import Background, to_its_end, wait_for_event
from appliance.staff.preflight.checks import Check, Group
from appliance.staff.preflight.dry_run import DryRuns
from appliance.staff.preflight.examine import examine
from appliance.staff.preflight.models import Preflight
from appliance.staff.preflight.price import PriceOfShots, price_of_shots
from appliance.staff.preflight.repository import PreflightRepository
from appliance.staff.preflight.tools import RunState, Tools

log = structlog.get_logger()

LOOK_EVERY = 2.0  # seconds after which one that another process asked for is taken up
SIGN_EVERY = 5.0
LONGEST = 1500.0  # seconds; then it is interrupted, whatever holds it up


@dataclass(frozen=True, slots=True)
class Preflights:
    """The newest run, and the newest that came to its end: its result stands while another one runs."""

    newest: Preflight | None
    whole: Preflight | None


class PreflightService(Background):
    """Asks for runs, and does them where ``start`` was called."""

    def __init__(self, tools: Tools, dry_runs: DryRuns) -> None:
        self._tools = replace(tools, dry_runs=dry_runs)
        self._database: Database = tools.database
        self._asked = asyncio.Event()

    async def ask(self, *, by: str, paid: bool, base: str | None) -> Preflight:
        """Have one done; one that runs already is joined."""
        async with self._database.session() as session:
            found = await PreflightRepository(session).ask(by=by, paid=paid, base=base)
        self._asked.set()
        return found

    async def state(self) -> Preflights:
        """What there is."""
        async with self._database.session() as session:
            runs = PreflightRepository(session)
            return Preflights(await runs.last(), await runs.last_whole())

    async def price(self) -> PriceOfShots:
        """What one with paid photos would cost."""
        return await price_of_shots(self._database, self._tools.runner.registry)

    async def work(self) -> None:
        """See ``Background``."""
        while True:
            self._asked.clear()
            try:
                async with self._database.session() as session:
                    taken = await PreflightRepository(session).take()
                if taken is not None:
                    await self._run(taken)
            except Exception as error:  # noqa: BLE001 - the database is away: it comes back
                log.info("preflight.not_run", error=type(error).__name__)
            await wait_for_event(self._asked, LOOK_EVERY)

    async def _run(self, row: Preflight) -> None:
        found: Sequence[Check] = ()
        signs = asyncio.create_task(self._signs(row.id))
        is_whole = False

        async def progress(group: Group, so_far: Sequence[Check]) -> None:
            nonlocal found
            found = list(so_far)
            checks = [one.as_json() for one in found]
            async with self._database.session() as session:
                await PreflightRepository(session).progress(row.id, group=group, checks=checks)

        try:
            async with asyncio.timeout(LONGEST):
                run = RunState(paid=row.paid, base=row.base, by=row.asked_by)
                found = await examine(self._tools, run, progress)
            is_whole = True
        finally:
            signs.cancel()
            await to_its_end(self._finish(row.id, found, interrupted=not is_whole))
        log.info("preflight.done", bad=sum(one.state == "bad" for one in found), checks=len(found))

    async def _finish(self, run_id: int, found: Sequence[Check], *, interrupted: bool) -> None:
        async with self._database.session() as session:
            await PreflightRepository(session).finish(
                run_id, [one.as_json() for one in found], interrupted=interrupted
            )

    async def _signs(self, run_id: int) -> None:
        """Tell that it goes on, also during a look that takes long."""
        while True:
            await asyncio.sleep(SIGN_EVERY)
            with contextlib.suppress(Exception):  # the next one follows
                async with self._database.session() as session:
                    await PreflightRepository(session).progress(run_id)
