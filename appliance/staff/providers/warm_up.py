"""Before the doors open: check every route that an active slot may take, with every usable key."""

from __future__ import annotations

import asyncio
import time

import structlog
from pydantic import BaseModel, ConfigDict, Field

from appliance.core.clock import Deadline
from appliance.core.db import Database
from appliance.providers.base import Driver, ProviderBadKey, ProviderError
from appliance.providers.keys import ends_in, is_spent, rest_seconds
from appliance.providers.model_facts import TellsOfModels
from appliance.providers.runner import RouteRunner
from appliance.settings.operator import AppSettingsRepository
from appliance.slots.repository import SlotRepository
from appliance.slots.schemas import RouteConfig
from appliance.slots.service import ProviderModel, route_configs
from appliance.staff.providers.machines import Machines

log = structlog.get_logger()

WARM_UP_SECONDS = 15.0

SlotRoute = tuple[str, RouteConfig]  # a slot that may take it, and how


class RouteCheck(BaseModel):
    """How one route answered to one key."""

    model_config = ConfigDict(frozen=True)

    provider: str = Field(examples=["gemini"])
    model: str | None = Field(examples=["gemini-nano-banana-2.1"])
    slots: list[str] = Field(description="active slots that may use it", examples=[["slot-009"]])
    key: str | None = Field(description="the last characters of the key", examples=["…f3a9"])
    ok: bool
    ms: int = Field(examples=[180])
    reason: str | None = Field(
        description="why it failed, in the provider's words", examples=["API_KEY_INVALID"]
    )


class WarmUpReport(BaseModel):
    """Every route with every key."""

    model_config = ConfigDict(frozen=True)

    ok: bool = Field(description="whether all routes answered")
    ms: int
    routes: list[RouteCheck]


class WarmUp:
    """Opens connections and shows what would fail, without paying for a picture."""

    def __init__(self, database: Database, runner: RouteRunner, machines: Machines) -> None:
        self._database = database
        self._runner = runner
        self._machines = machines

    async def run(self, seconds: float = WARM_UP_SECONDS) -> WarmUpReport:
        """Check all routes at the same time, for ``seconds`` at most. A refused key is set aside."""
        deadline = Deadline.after(seconds)
        routes = await self._routes()
        await self._runner.keys.refresh()
        checks = await asyncio.gather(
            *(
                self._check(route, takers, key, deadline)
                for route, takers in routes.items()
                for key in self._keys(route)
            )
        )
        report = WarmUpReport(
            ok=all(check.ok for check in checks), ms=round(deadline.elapsed() * 1000), routes=list(checks)
        )
        log.info("warm_up.done", ok=report.ok, ms=report.ms, routes=len(checks))
        return report

    async def _routes(self) -> dict[ProviderModel, list[SlotRoute]]:
        async with self._database.session() as session:
            rows = await SlotRepository(session).all()
            settings = await AppSettingsRepository(session).operator_settings()
        self._runner.registry.configure(settings)
        found: dict[ProviderModel, list[SlotRoute]] = {}
        for row in rows:
            for route in route_configs(row) if row.active else []:
                found.setdefault((route.provider, route.model), []).append((row.slot_id, route))
        known = set(self._runner.registry.names)
        return {route: found[route] for route in sorted(found, key=str) if route[0] in known}

    def _keys(self, route: ProviderModel) -> list[str | None]:
        """The usable keys; one ``None`` for a provider that needs none, or has none."""
        provider, model = route[0], self._runner.registry.model(*route)
        if not self._runner.registry.driver(provider).needs_key:
            return [None]
        return [*self._runner.keys.usable(provider, model)] or [None]

    async def _check(
        self, route: ProviderModel, takers: list[SlotRoute], key: str | None, deadline: Deadline
    ) -> RouteCheck:
        provider, model = route
        since = time.monotonic()
        reason = await self._reason(provider, model, key, deadline) or await self._lacking(takers, deadline)
        return RouteCheck(
            provider=provider,
            model=model,
            slots=list(dict.fromkeys(slot_id for slot_id, _ in takers)),
            key=ends_in(key) if key else None,
            ok=reason is None,
            ms=round((time.monotonic() - since) * 1000),
            reason=reason,
        )

    async def _lacking(self, takers: list[SlotRoute], deadline: Deadline) -> str | None:
        """What a machine of the venue's own has not got; ``None``: none, or it has everything."""
        for slot_id, route in takers:
            report = await self._machines.look(route, deadline)
            if report.outcome != "fits":
                return f"{slot_id}: {'; '.join(report.findings) or report.reason}"
        return None

    async def _reason(
        self, provider: str, model: str | None, key: str | None, deadline: Deadline
    ) -> str | None:
        """Why the route did not answer; ``None`` when it did."""
        driver = self._runner.registry.driver(provider)
        if key is None and driver.needs_key:
            keys = self._runner.keys
            return "keys_rest" if keys.configured(provider) else keys.lacks(provider)
        if key is not None and key not in self._runner.keys.source.keys(provider):
            return "key_of_other_address"  # the address was changed a moment ago
        try:
            async with deadline.guard():
                return await self._ask(driver, provider, model, key or "", deadline)
        except TimeoutError:
            return "too_slow"
        except ProviderError as error:
            if isinstance(error, ProviderBadKey) and key is not None:
                self._runner.keys.set_aside(
                    provider, key, rest_seconds(error), error.reason, spent=is_spent(error)
                )
            return error.reason
        except Exception as error:  # noqa: BLE001 - one broken route must not hide the others
            log.warning("warm_up.failed", provider=provider, error=type(error).__name__)
            return "internal_error"

    async def _ask(
        self, driver: Driver, provider: str, model: str | None, key: str, deadline: Deadline
    ) -> str | None:
        """Why the route would make no picture; what the provider says of the model is remembered."""
        name = self._runner.registry.model(provider, model)
        if name is None or not isinstance(driver, TellsOfModels):
            await driver.probe(key, deadline, model)
            return None
        facts = await driver.model_facts(key, name, deadline)
        if facts.there or self._runner.keys.is_only(provider, key):
            self._runner.models.heard(provider, name, facts)
        return None if facts.there else "model_not_found"
