"""What the providers themselves said of their models: remembered at once, kept in the database beside.

No photo waits for that. Their word is newer than the catalogue's, and wins over it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.providers.model_facts import ModelFacts
from appliance.providers.models import ModelFact

log = structlog.get_logger()

CLOSE_SECONDS = 5.0  # how long the end waits for what is still to be written
SAME_AGAIN = timedelta(hours=1)  # what was said before is written again after so long only

ModelName = tuple[str, str]  # provider and model


@dataclass(frozen=True, slots=True)
class Learned:
    """What a provider said last of a model: whether it has it, until when, and when it said so."""

    there: bool
    ends_on: date | None
    said_at: datetime


class LearnedModels:
    """The providers' own words, by provider and model. Without a database they last as long as this."""

    def __init__(self, database: Database | None = None) -> None:
        self._database = database
        self._known: dict[ModelName, Learned] = {}
        self._unwritten: dict[ModelName, None] = {}
        self._writing: asyncio.Task[None] | None = None

    async def load(self) -> None:
        """Take up what was learned before, or by another process."""
        if self._database is None:
            return
        async with self._database.session() as session:
            rows = list(await session.scalars(select(ModelFact)))
        for row in rows:
            name, kept = (row.provider, row.model), Learned(row.there, row.ends_on, row.said_at)
            if name not in self._known or self._known[name].said_at < kept.said_at:
                self._known[name] = kept

    def of(self, provider: str, model: str) -> Learned | None:
        """What is known of a model; ``None``: the provider was not asked."""
        return self._known.get((provider, model))

    def heard(self, provider: str, model: str | None, facts: ModelFacts) -> None:
        """The provider said this of a model; what it did not speak of stays as it was."""
        if model is None:
            return
        before = self.of(provider, model)
        ends_on = facts.ends_on if facts.of_end else (before.ends_on if before else None)
        now = Learned(facts.there, ends_on, utcnow())
        if before and (before.there, before.ends_on) != (now.there, now.ends_on):
            log.info("model.said", provider=provider, model=model, there=now.there, ends_on=str(ends_on))
        self._known[provider, model] = now
        same = before and (before.there, before.ends_on) == (now.there, now.ends_on)
        if same and before and now.said_at - before.said_at < SAME_AGAIN:
            self._known[provider, model] = Learned(before.there, before.ends_on, before.said_at)
            return
        self._unwritten[provider, model] = None
        if self._database is not None and (self._writing is None or self._writing.done()):
            self._writing = asyncio.create_task(self._write_all(self._database))

    async def _write_all(self, database: Database) -> None:
        """One after the other, so that a slow database has one connection of ours at most."""
        while self._unwritten:
            name = next(iter(self._unwritten))
            del self._unwritten[name]
            try:
                await self._write(database, name)
            except Exception as error:  # noqa: BLE001 - the provider will say it again
                log.warning("model.not_kept", model="/".join(name), error=type(error).__name__)

    async def _write(self, database: Database, name: ModelName) -> None:
        said = self._known[name]
        row = {"there": said.there, "ends_on": said.ends_on, "said_at": said.said_at}
        statement = insert(ModelFact).values(provider=name[0], model=name[1], **row)
        async with database.session() as session:
            await session.execute(
                statement.on_conflict_do_update(
                    index_elements=[ModelFact.provider, ModelFact.model],
                    set_={name: statement.excluded[name] for name in row},
                )
            )

    async def written(self) -> None:
        """Wait until everything stands in the database."""
        if self._writing is not None:
            await self._writing

    async def aclose(self) -> None:
        """Wait a moment for what is being written, then leave it."""
        if self._writing is None:
            return
        _, late = await asyncio.wait({self._writing}, timeout=CLOSE_SECONDS)
        for task in late:
            task.cancel()
            await asyncio.wait({task})
            log.warning("model.not_kept", error="CancelledError")
