"""Machines that have gone without a word: their photos are closed. Permits end by themselves."""

from __future__ import annotations

import asyncio

import structlog

from appliance.core.db import Database
from appliance.core.tasks import Background
from appliance.housekeeping.cleanup import Cleanup
from appliance.nodes.repository import NodeRepository

log = structlog.get_logger()

EVERY = 2.0  # seconds


class LostNodes(Background):
    """Looks for them, on the first machine. Whoever sends such a photo again need not wait for it."""

    def __init__(self, database: Database, cleanup: Cleanup) -> None:
        self._database, self._cleanup = database, cleanup

    async def work(self) -> None:
        """See ``Background``."""
        while True:
            try:
                async with self._database.session() as session:
                    lost = await NodeRepository(session).lost()
                for number in lost:
                    log.warning("node.lost", node=number)
                    await self._cleanup.settle_lost(number)
            except Exception as error:  # noqa: BLE001 - the database is away: it comes back
                log.info("node.not_looked_for", error=type(error).__name__)
            await asyncio.sleep(EVERY)
