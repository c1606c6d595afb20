"""What guests typed leaves the booths' last requests as it leaves the jobs, and with time."""

from __future__ import annotations

import uuid
from datetime import timedelta

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.tasks import Background, again_and_again
from appliance.ingest.booth_requests.log import BoothRequests
from appliance.jobs.repository import JobRepository

# Requests are kept for setting up booths: from the afternoon before an event until its end.
KEPT_FOR = timedelta(hours=12)
TICK = 60.0  # seconds


class BoothRequestRetention(Background):
    """Each process looks after its own requests: whoever empties a job's row, and wherever, needs to tell
    nobody.
    """

    def __init__(self, database: Database, kept: BoothRequests) -> None:
        self._database, self._kept = database, kept

    async def work(self) -> None:
        """See ``Background``."""
        await again_and_again(self.apply, TICK, "booth_requests.not_looked")

    async def apply(self) -> None:
        """Forget what is old, and what came with jobs that say nothing of their guests any more."""
        before = utcnow() - KEPT_FOR
        self._kept.forget_values((), before)
        if not (jobs := self._kept.jobs()):
            return
        async with self._database.session() as session:
            forgotten = await JobRepository(session).forgotten([uuid.UUID(job) for job in jobs])
        self._kept.forget_values({str(job) for job in forgotten}, before)
