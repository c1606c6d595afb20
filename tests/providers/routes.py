"""What the routes' tests share: the route engine at work on a provider's stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from appliance.core.clock import Deadline
from appliance.core.db import Database
from appliance.core.errors import ApplianceError
from appliance.providers.attempts import Attempt
from appliance.providers.base import GuestPhoto
from appliance.providers.breaker import Circuits
from appliance.providers.failover import ProviderLine
from appliance.providers.keys import KeyRing
from appliance.providers.registry import ProviderRegistry
from appliance.providers.routes import EditPlan, Route
from appliance.providers.runner import EditJob, RouteRunner
from appliance.providers.timings import RouteTimings
from appliance.settings.operator import OperatorSettings
from tests.providers.photos import photo_in
from tests.standins import Script, StandIn, gemini_app, running, with_errors

FLASH, SIZED = "gemini-2.5-flash-image", "gemini-nano-banana-2.1"


def no_database(port: int) -> Database:
    """A database at a port where none is."""
    return Database(make_url(f"postgresql+asyncpg://nobody@127.0.0.1:{port}/none"))


@dataclass
class Keys:
    """Gemini's keys, there from the beginning."""

    gemini: Sequence[str]

    def keys(self, provider: str) -> Sequence[str]:
        return self.gemini if provider == "gemini" else ()

    def unreadable(self, _provider: str) -> int:
        return 0

    def proven_at(self, _provider: str, _key: str) -> None:
        return None

    def elsewhere(self, _provider: str) -> int:
        return 0

    async def refresh(self) -> None:
        return None


@dataclass
class Engine:
    """The route engine, and the stand-in of Gemini that it asks."""

    runner: RouteRunner
    gemini: StandIn
    folder: Path

    def route(self, model: str | None = FLASH, **params: Any) -> Route:
        """A way to ask Gemini."""
        asked = {"prompt": "a painting", **params}
        return Route("gemini", "image_edit", model, self.runner.registry.parse("gemini", "image_edit", asked))

    def keys_at_rest(self) -> list[str | None]:
        """Why keys rest, one reason for each that does."""
        return [key.reason for key in self.runner.keys.states("gemini") if key.rests_for]

    async def photo(
        self, *routes: Route, seconds: float = 10.0, of: Callable[[Path], GuestPhoto] = photo_in
    ) -> list[str]:
        """What came of each attempt that a photo took, whether or not it became a picture."""
        attempts = await self.attempts(*routes, seconds=seconds, of=of)
        return [attempt.reason or str(attempt.outcome) for attempt in attempts]

    async def attempts(
        self, *routes: Route, seconds: float = 10.0, of: Callable[[Path], GuestPhoto] = photo_in
    ) -> list[Attempt]:
        """The attempts that a photo took."""
        attempts: list[Attempt] = []
        job = EditJob(
            plan=EditPlan("job-1", routes),
            photo=of(self.folder),
            deadline=Deadline.after(seconds),
            permits=lambda _provider, _deadline: nullcontext(),
            attempts=attempts,
        )
        with suppress(ApplianceError, TimeoutError):
            await ProviderLine(self.runner).edit(job)
        return attempts


@asynccontextmanager
async def engine(
    folder: Path,
    script: Script,
    keys: Sequence[str] = ("key-0001",),
    *,
    database_port: int = 1,
    errors: Callable[[Any], Any] | None = None,
) -> AsyncIterator[Engine]:
    """Gemini's stand-in plays ``script``; no database is there, or whatever listens at ``database_port``.

    ``errors`` makes the JSON of Gemini's errors another one.
    """
    async with AsyncExitStack() as stack:
        gemini = gemini_app(script)
        server = await stack.enter_async_context(running(with_errors(gemini, errors) if errors else gemini))
        registry = ProviderRegistry(OperatorSettings(), {"gemini": server.base_url})
        stack.push_async_callback(registry.aclose)
        database = no_database(database_port)
        stack.push_async_callback(database.aclose)
        timings = RouteTimings(database)
        stack.push_async_callback(timings.aclose)
        yield Engine(RouteRunner(registry, KeyRing(Keys(keys)), timings, Circuits()), server.standin, folder)
