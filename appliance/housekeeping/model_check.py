"""Every night: which of the models in use do the providers still have, and until when?

The answers cost nothing. They are kept with their date, and the dashboard, the slots' pages and the doctor
go by them, so that a model's end is known before the first photo of the day. A machine that is off at
night is asked for some minutes after its start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from appliance.core.clock import Deadline, utcnow
from appliance.core.db import Database
from appliance.core.tasks import Background, again_and_again
from appliance.providers.base import ProviderError
from appliance.providers.learned import LearnedModels, ModelName
from appliance.providers.model_facts import ModelFacts, ModelFactsDriver
from appliance.providers.runner import RouteRunner
from appliance.settings.operator import AppSettingsRepository
from appliance.slots.repository import SlotRepository
from appliance.slots.service import models_in_use

log = structlog.get_logger()

AFTER_START = 300.0  # seconds: the start, its smoke test and the first photos are over by then
AGAIN_AFTER = 3600.0  # seconds until those are asked for that could not be: the line was down
ASK_SECONDS = 15.0  # for one model, all keys of its provider together
NEWS_EVERY = 60.0
NEVER = -1  # as an hour


@dataclass(frozen=True, slots=True)
class ModelCheckResult:
    """What came of one look: models that are there, that are gone, and that nobody told of."""

    there: tuple[ModelName, ...] = ()
    gone: tuple[ModelName, ...] = ()
    untold: tuple[ModelName, ...] = ()


def seconds_until(hour: int, now: datetime) -> float:
    """From ``now`` to the next time at which the clock of its zone shows ``hour``."""
    at = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    return (at if at > now else at + timedelta(days=1)).timestamp() - now.timestamp()


class ModelNews(Background):
    """Takes up what other processes were told of models: of several only one looks at night."""

    def __init__(self, learned: LearnedModels) -> None:
        self._learned = learned

    async def work(self) -> None:
        """See ``Background``."""
        await asyncio.sleep(NEWS_EVERY)
        await again_and_again(self._learned.load, NEWS_EVERY, "models.not_loaded")


class ModelCheck(Background):
    """Asks the providers for the models that active slots use."""

    def __init__(
        self, database: Database, runner: RouteRunner, hour: int, *, after_start: float = AFTER_START
    ) -> None:
        self._database, self._runner = database, runner
        self._hour, self._after_start = hour, after_start

    async def look(self, only: Collection[ModelName] = ()) -> ModelCheckResult:
        """Ask for each model (``only`` these, if there are any), with one key after the other until one
        gets it.
        """
        there: list[ModelName] = []
        gone: list[ModelName] = []
        untold: list[ModelName] = []
        for place in await self._asked_for():
            if only and place not in only:
                continue
            facts = await self._facts(*place)
            if facts is None:
                untold.append(place)
                continue
            self._runner.models.heard(place[0], place[1], facts)
            (there if facts.there else gone).append(place)
        found = ModelCheckResult(tuple(there), tuple(gone), tuple(untold))
        log.info(
            "models.checked",
            there=len(there),
            gone=["/".join(place) for place in gone],
            untold=["/".join(place) for place in untold],
        )
        return found

    async def _asked_for(self) -> list[ModelName]:
        """The models in use whose provider tells of models and has a key."""
        registry, keys = self._runner.registry, self._runner.keys
        async with self._database.session() as session:
            registry.configure(await AppSettingsRepository(session).operator_settings())
            used = models_in_use(await SlotRepository(session).all(), registry)
        await keys.refresh()
        return sorted(
            (provider, model)
            for provider, model in used
            if model
            and provider in registry.names
            and isinstance(registry.driver(provider), ModelFactsDriver)
            and keys.configured(provider)
        )

    async def _facts(self, provider: str, model: str) -> ModelFacts | None:
        """The provider's word; ``None``: it did not tell."""
        driver = self._runner.registry.driver(provider)
        assert isinstance(driver, ModelFactsDriver)  # noqa: S101 - only those are asked for
        deadline, said = Deadline.after(ASK_SECONDS), None
        for key in self._runner.keys.usable(provider, model):
            try:
                async with deadline.guard():
                    said = await driver.model_facts(key, model, deadline)
            except (ProviderError, TimeoutError) as error:
                reason = error.reason if isinstance(error, ProviderError) else "too_slow"
                log.info("models.not_told", provider=provider, model=model, reason=reason)
                continue
            if said.there:
                return said
        return said

    def start(self) -> None:
        """Look every night until ``aclose``, where an hour is set for it."""
        if self._hour != NEVER:
            super().start()

    @property
    def started(self) -> bool:
        """Whether it looks by itself."""
        return self._task is not None

    async def work(self) -> None:
        """See ``Background``."""
        pause = self._after_start
        untold: tuple[ModelName, ...] = ()
        while True:
            await asyncio.sleep(pause)
            pause = seconds_until(self._hour, utcnow().astimezone())
            try:
                untold = (await self.look(untold)).untold
            except Exception as error:  # noqa: BLE001 - the database is away: the next look follows
                log.info("models.not_checked", error=type(error).__name__)
                pause = min(pause, AGAIN_AFTER)
            if untold:
                pause = min(pause, AGAIN_AFTER)
