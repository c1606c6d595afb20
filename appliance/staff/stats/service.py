"""How every slot is doing now: for the dashboard and for ``GET /api/stats/slots``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.jobs.links import preview_path
from appliance.providers.base import FailureKind
from appliance.providers.keys import ends_in
from appliance.providers.model_status import model_status
from appliance.providers.runner import RouteRunner
from appliance.slots.configs import routes_of
from appliance.slots.schemas import RouteConfig
from appliance.staff.jobs.progress import PhotoInProgress
from appliance.staff.jobs.schemas import CostView, ProgressView
from appliance.staff.jobs.service import advice_view
from appliance.staff.slots.editor import SlotEditor
from appliance.staff.slots.views import SlotView
from appliance.staff.stats.at_work import WorkOfAll
from appliance.staff.stats.costs import by_day, cost_sums, total_cost
from appliance.staff.stats.queries import FailedJob, SlotFigures, StoodIn, Trouble, slot_figures
from appliance.staff.stats.schemas import (
    Cause,
    CauseKind,
    CostList,
    OldestView,
    SlotState,
    SlotStats,
    SlotStatsList,
)

LONG_REST = 60.0  # seconds: longer than any limit that is counted by the minute
_OF_THE_KEY = {FailureKind.BAD_KEY, FailureKind.SPENT, FailureKind.NOT_SERVED}
_OF_A_ROUTE = {"provider", "operation", "model", "params"}
_ENDED_BY_A_TEST = _OF_THE_KEY | {FailureKind.WRONG_PLACE}


class StatsService:
    """Puts the history, the permits and the providers' health together."""

    def __init__(
        self,
        database: Database,
        editor: SlotEditor,
        runner: RouteRunner,
        work: WorkOfAll,
    ) -> None:
        self._database = database
        self._editor = editor
        self._runner = runner
        self._work = work

    async def slots(self) -> SlotStatsList:
        """Every slot, in order."""
        slots = await self._editor.all()
        async with self._database.session() as session:
            figures = await slot_figures(session)
        await self._runner.keys.refresh()
        work = await self._work.now()
        return SlotStatsList(
            slots=[
                self._stats(
                    slot,
                    figures.get(slot.slot_id, SlotFigures()),
                    work.in_use.get(f"slot:{slot.slot_id}", 0),
                    work.progress.get(slot.slot_id, []),
                    work.oldest.get(slot.slot_id),
                )
                for slot in slots
            ]
        )

    async def costs(self, days: int) -> CostList:
        """What the last ``days`` calendar days cost, today included."""
        today = utcnow().replace(hour=0, minute=0, second=0, microsecond=0)
        async with self._database.session() as session:
            return by_day(await cost_sums(session, today - timedelta(days=days - 1)))

    async def cost_of_last_day(self) -> CostView:
        """What the last 24 hours cost."""
        async with self._database.session() as session:
            return total_cost(await cost_sums(session, utcnow() - timedelta(hours=24)))

    def _stats(
        self,
        slot: SlotView,
        figures: SlotFigures,
        in_flight: int,
        progress: list[ProgressView],
        oldest: PhotoInProgress | None,
    ) -> SlotStats:
        primary, *fallbacks = routes_of(slot)
        ended = [self._of_model(route) for route in (primary, *fallbacks)]
        first = self._blocked(primary, alone=not fallbacks) or _if_gone(ended[0])
        others = [
            self._blocked(route) or _if_gone(cause) for route, cause in zip(fallbacks, ended[1:], strict=True)
        ]
        trouble = self._trouble(primary, figures.trouble) if fallbacks and not _if_gone(ended[0]) else None
        stuck = trouble if trouble and trouble.kind == "primary_failed" else None
        misfit = _where(slot.problems, bool(fallbacks))
        proven = figures.proven == primary.digest() or self._has_a_key_since(primary, figures.failure)
        spare = None
        if figures.stood_in and fallbacks and not (proven or stuck or misfit or _lasts(first)):
            spare = _fallback_only(primary, figures.stood_in)
        causes = (stuck, spare, *ended, first, *others, trouble)
        why = list(dict.fromkeys(cause for cause in causes if cause))
        if slot.problems:
            why.insert(0, Cause(kind="settings", fields=slot.problems))
        if figures.failure and not proven:
            why.append(_last_failure(figures.failure))
        unusable = misfit == "slot" or bool((stuck or first or misfit) and all(others))
        state: SlotState = "paused"
        if slot.active and (unusable or (figures.failing and not proven)):
            state = "failing"
        elif slot.active:
            state = "fallback" if stuck or spare or misfit or _lasts(first) else "ready"
        return SlotStats.from_object(
            slot,
            state=state,
            why=why,
            in_flight=in_flight,
            oldest=OldestView(
                job_id=oldest.job_id,
                seconds=round(oldest.elapsed, 1),
                deadline_seconds=oldest.deadline,
            )
            if oldest
            else None,
            progress=progress,
            lately=figures.lately,
            last_hour=figures.total,
            delivered=figures.done,
            success_rate=round(figures.done / figures.total, 4) if figures.total else None,
            median_ms=figures.median_ms,
            last_picture=figures.picture,
            preview_url=preview_path(figures.picture) if figures.picture else None,
        )

    def _has_a_key_since(self, route: RouteConfig, failure: FailedJob | None) -> bool:
        """Whether the newest job failed for want of a key, and one has passed a test since."""
        cause = _last_failure(failure) if failure else None
        if cause is None or cause.at is None or cause.advice is None or cause.advice.place is None:
            return False
        registry = self._runner.registry
        if route.provider not in registry.names or not registry.driver(route.provider).needs_key:
            return False  # the slot has been given another route since
        return self._runner.keys.proven_since(route.provider, self._model(route), cause.at) is not None

    def _of_model(self, route: RouteConfig) -> Cause | None:
        """That a route's model has ended, will soon, or is unknown to its provider."""
        registry, model = self._runner.registry, self._model(route)
        found = model and model_status(
            registry.catalogue, self._runner.models, route.provider, model, utcnow()
        )
        if not found or not found.troubled:
            return None
        kind: CauseKind = f"model_{found.state}"  # type: ignore[assignment]
        return Cause(
            kind=kind,
            route=_name(route),
            reason="provider_failed" if found.gone else None,
            model=found.model,
            ends_on=found.ends_on,
            said_by=found.said_by,
            successor=found.successor.id if found.successor else None,
            advice=advice_view("provider_failed", kind),
        )

    def _trouble(self, route: RouteConfig, trouble: Trouble | None) -> Cause | None:
        """Why the primary route will make no picture until somebody does something, or that a test of its
        key went well since; ``None`` where it delivered since, is set up otherwise now, or has another key
        than the one that failed.
        """
        if trouble is None or trouble.route != route.digest():
            return None
        name = _name(route)
        if trouble.kind in _ENDED_BY_A_TEST and route.provider in self._runner.registry.names:
            model = self._model(route)
            usable = {ends_in(key) for key in self._runner.keys.usable(route.provider, model)}
            if usable and trouble.kind in _OF_THE_KEY and trouble.key not in usable:
                return None
            if proven := self._runner.keys.proven_since(route.provider, model, trouble.at):
                told = advice_view("provider_failed", "not_tried_since")
                return Cause(kind="not_tried_since", route=name, at=proven, advice=told)
        return Cause(
            kind="primary_failed",
            route=name,
            reason="provider_failed",
            provider_reason=trouble.reason,
            provider_kind=trouble.kind,
            job_id=trouble.job_id,
            at=trouble.at,
            advice=advice_view("provider_failed", trouble.reason, trouble.kind),
        )

    def _model(self, route: RouteConfig) -> str | None:
        return self._runner.registry.model(route.provider, route.operation, route.model)

    def _blocked(self, route: RouteConfig, *, alone: bool = False) -> Cause | None:
        """Why a route cannot be used now; ``None`` when it can. ``alone``: nothing stands in for it."""
        name = _name(route)
        if route.provider not in self._runner.registry.names:
            return None  # one of the slot's problems
        if self._runner.registry.driver(route.provider).needs_key:
            model = self._model(route)
            wait = self._runner.keys.seconds_until_usable(route.provider, model)
            if wait is None:
                return _route_cause("no_key", name, self._runner.keys.lacks(route.provider))
            if wait > 0:
                return _route_cause("keys_rest", name, retry_in=wait)
        circuit = self._runner.circuits.of(name)
        if circuit.state != "open":
            return None
        cause = _route_cause("circuit_open", name, circuit.last_reason, circuit.seconds_until_probe())
        return _without_fallback(cause) if alone else cause


def _where(problems: Mapping[str, str], has_fallbacks: bool) -> Literal["slot", "primary"] | None:
    """What cannot work for its settings: the slot, or its first route, for which others stand in."""
    if not problems:
        return None
    of_primary = all(name.partition(".")[0] in _OF_A_ROUTE for name in problems)
    return "primary" if has_fallbacks and of_primary else "slot"


def _if_gone(cause: Cause | None) -> Cause | None:
    """The cause, if the provider itself said that the model is not there."""
    gone = cause and cause.said_by == "provider" and cause.kind in ("model_ended", "model_unknown")
    return cause if gone else None


def _lasts(cause: Cause | None) -> bool:
    """Whether a route cannot be used for so long that somebody should do something."""
    return cause is not None and (
        cause.kind in ("no_key", "model_ended", "model_unknown") or (cause.retry_in or 0) > LONG_REST
    )


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


def _without_fallback(cause: Cause) -> Cause:
    """Photos try the route in spite of its circuit: what counts is why they failed there."""
    kind = None if cause.provider_reason == "too_slow" else FailureKind.UNREACHABLE
    told = advice_view("provider_unavailable", cause.provider_reason, kind)
    return cause.model_copy(update={"provider_kind": kind, "advice": told})


def _name(route: RouteConfig) -> str:
    """As its circuit is called."""
    return f"{route.provider}/{route.model or route.operation}"


def _fallback_only(route: RouteConfig, stood_in: StoodIn) -> Cause:
    return Cause(
        kind="fallback_only",
        route=_name(route),
        reason="provider_failed",
        provider_reason=stood_in.reason,
        provider_kind=stood_in.kind,
        job_id=stood_in.job_id,
        at=stood_in.at,
        advice=advice_view("provider_failed", stood_in.reason, stood_in.kind),
    )


def _last_failure(failure: FailedJob) -> Cause:
    return Cause(
        kind="last_failure",
        reason=failure.reason,
        provider_reason=failure.provider_reason,
        provider_kind=failure.provider_kind,
        job_id=failure.job_id,
        at=failure.at,
        advice=advice_view(failure.reason, failure.provider_reason, failure.provider_kind),
    )
