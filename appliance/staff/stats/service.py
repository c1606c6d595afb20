"""How every slot is doing now: for the dashboard and for ``GET /api/stats/slots``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from appliance.core.db import Database
from appliance.jobs.links import preview_path
from appliance.providers.runner import RouteRunner
from appliance.slots.configs import routes_of
from appliance.slots.schemas import RouteConfig
from appliance.staff.jobs.service import advice_view
from appliance.staff.slots.editor import SlotEditor
from appliance.staff.slots.views import SlotView
from appliance.staff.stats.queries import SlotFigures, slot_figures
from appliance.staff.stats.schemas import Cause, SlotStats, SlotStatsList, State

# By names such as ``slot:slot-005``: the gate belongs to ingest, which stands beside this.
InUse = Callable[[], Mapping[str, int]]


class StatsService:
    """Puts the history, the permits and the providers' health together."""

    def __init__(self, database: Database, editor: SlotEditor, runner: RouteRunner, in_use: InUse) -> None:
        self._database = database
        self._editor = editor
        self._runner = runner
        self._in_use = in_use

    async def slots(self) -> SlotStatsList:
        """Every slot, in order."""
        slots = await self._editor.all()
        async with self._database.session() as session:
            figures = await slot_figures(session)
        await self._runner.keys.refresh()
        in_use = self._in_use()
        return SlotStatsList(
            slots=[
                self._stats(
                    slot, figures.get(slot.slot_id, SlotFigures()), in_use.get(f"slot:{slot.slot_id}", 0)
                )
                for slot in slots
            ]
        )

    def _stats(self, slot: SlotView, figures: SlotFigures, in_flight: int) -> SlotStats:
        blocked = [self._blocked(route) for route in routes_of(slot)]
        why = [cause for cause in blocked if cause]
        if slot.problems:
            why.insert(0, Cause(kind="settings", fields=slot.problems))
        if figures.failure:
            why.append(_last_failure(figures))
        unusable = bool(slot.problems) or all(blocked)
        state: State = "paused"
        if slot.active:
            state = "failing" if unusable or figures.failing else "ready"
        return SlotStats(
            slot_id=slot.slot_id,
            display_name=slot.display_name,
            provider=slot.provider,
            operation=slot.operation,
            model=slot.model,
            state=state,
            why=why,
            in_flight=in_flight,
            last_hour=figures.total,
            delivered=figures.done,
            success_rate=round(figures.done / figures.total, 4) if figures.total else None,
            median_ms=figures.median_ms,
            last_picture=figures.picture,
            preview_url=preview_path(figures.picture) if figures.picture else None,
        )

    def _blocked(self, route: RouteConfig) -> Cause | None:
        """Why a route cannot be used now; ``None`` when it can."""
        name = f"{route.provider}/{route.model or route.operation}"
        if route.provider not in self._runner.registry.names:
            return None  # one of the slot's problems
        if self._runner.registry.driver(route.provider).needs_key:
            model = self._runner.registry.model(route.provider, route.model)
            wait = self._runner.keys.seconds_until_usable(route.provider, model)
            if wait is None:
                return _route_cause("no_key", name, self._runner.keys.lacks(route.provider))
            if wait > 0:
                return _route_cause("keys_rest", name, retry_in=wait)
        circuit = self._runner.circuits.of(name)
        if circuit.state != "open":
            return None
        return _route_cause("circuit_open", name, circuit.last_reason, circuit.seconds_until_probe())


def _route_cause(
    kind: Literal["no_key", "keys_rest", "circuit_open"],
    route: str,
    provider_reason: str | None = None,
    retry_in: float | None = None,
) -> Cause:
    return Cause(
        kind=kind,
        route=route,
        reason="provider_unavailable",
        provider_reason=provider_reason,
        retry_in=None if retry_in is None else round(retry_in, 1),
        advice=advice_view("provider_unavailable", provider_reason if kind == "no_key" else kind),
    )


def _last_failure(figures: SlotFigures) -> Cause:
    assert figures.failure is not None  # noqa: S101 - the caller saw to it
    failure = figures.failure
    return Cause(
        kind="last_failure",
        reason=failure.reason,
        provider_reason=failure.provider_reason,
        job_id=failure.job_id,
        at=failure.at,
        advice=advice_view(failure.reason, failure.provider_reason),
    )
