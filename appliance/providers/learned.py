"""What the providers themselves said of their models: remembered at once, kept in the database beside.

No photo waits for that. Their word is newer than the catalogue's, and wins over it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.late_writes import LateWrites
from appliance.core.siblings import ALONE, Siblings
from appliance.core.tasks import begin
from appliance.providers.model_facts import ModelFacts
from appliance.providers.models import ModelFact

log = structlog.get_logger()

SAME_AGAIN = timedelta(hours=1)  # what was said before is written again after so long only

_QUESTION = "model_facts"
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
        self._writes = LateWrites(self._write, "model.not_kept")
        self._siblings = ALONE

    def between(self, siblings: Siblings) -> None:
        """Have the other processes take up what is learned here, and the other way round."""
        self._siblings = siblings
        siblings.on(_QUESTION, self._asked)

    async def _asked(self, _: dict[str, Any]) -> None:
        await self.load()

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
        if before and (before.there, before.ends_on) == (now.there, now.ends_on):
            if now.said_at - before.said_at < SAME_AGAIN:
                return
        elif before:
            log.info("model.said", provider=provider, model=model, there=now.there, ends_on=str(ends_on))
        self._known[provider, model] = now
        if self._database is not None:
            self._writes.add((provider, model))

    async def _write(self, name: ModelName) -> None:
        assert self._database is not None  # noqa: S101 - nothing is added without one
        said = self._known[name]
        row = {"there": said.there, "ends_on": said.ends_on, "said_at": said.said_at}
        statement = insert(ModelFact).values(provider=name[0], model=name[1], **row)
        async with self._database.session() as session:
            await session.execute(
                statement.on_conflict_do_update(
                    index_elements=[ModelFact.provider, ModelFact.model],
                    set_={name: statement.excluded[name] for name in row},
                    # Not where another process was told something since; a word of the future was written
                    # while the clock was ahead.
                    where=~ModelFact.said_at.between(statement.excluded.said_at, func.now()),
                )
            )
        begin(self._siblings.ask(_QUESTION))

    async def written(self) -> None:
        """Wait until everything stands in the database."""
        await self._writes.written()

    async def aclose(self) -> None:
        """Wait a moment for what is being written, then leave it."""
        await self._writes.aclose()
