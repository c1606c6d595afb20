"""Machines that have gone without a word: their photos are closed. Permits end by themselves."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

import structlog

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.tasks import Background, again_and_again
from appliance.housekeeping.cleanup import Cleanup
from appliance.nodes.repository import SILENT_AFTER, NodeRepository, Seen
from appliance.nodes.watch import FIRST

log = structlog.get_logger()

EVERY = 2.0  # seconds
_GAP = 5.0  # seconds without an answer, or without a word of the first machine: watches let 2 to 5 pass


class LostNodes(Background):
    """Looks for them, on the first machine. Whoever sends such a photo again need not wait for it.

    While the database hangs, or cannot be written to, no machine can say anything. So none is held to be
    lost before all could speak for as long as it takes to be silent.
    """

    def __init__(self, database: Database, cleanup: Cleanup) -> None:
        self._database, self._cleanup = database, cleanup
        self._answered = float("-inf")
        self._well_since = float("-inf")
        self._unsettled: dict[int, datetime] = {}  # lost machines, and when that was noticed

    async def work(self) -> None:
        """See ``Background``."""
        await again_and_again(self._settle, EVERY, "node.not_looked_for")

    async def _settle(self) -> None:
        for number in await self._lost():
            log.warning("node.lost", node=number)
            self._unsettled[number] = utcnow()
        for number, noticed in list(self._unsettled.items()):
            await self._cleanup.settle_lost(number, before=noticed)
            del self._unsettled[number]

    async def _lost(self) -> Sequence[int]:
        async with self._database.session() as session:
            nodes = NodeRepository(session)
            seen = {one.row.number: one for one in await nodes.all()}
            if not self._all_could_speak(seen.pop(FIRST, None)):
                return ()
            return await nodes.lost([number for number, one in seen.items() if one.is_silent])

    def _all_could_speak(self, first: Seen | None) -> bool:
        """Whether all could for long enough, where the database has just told of ``first``."""
        before, self._answered = self._answered, time.monotonic()
        if self._answered - before > _GAP or first is None or first.seconds > _GAP:
            self._well_since = self._answered
        return self._answered - self._well_since >= SILENT_AFTER
