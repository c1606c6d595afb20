"""Each active slot, tried with our sample photo: free of charge, or with one shot that is paid for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.core.errors import ApplianceError
from appliance.jobs.models import JobStatus
from appliance.providers.attempts import delivered
from appliance.providers.base import ProviderError
from appliance.providers.local.driver import LocalDriver
from appliance.providers.routes import Route
from appliance.slots.models import Slot
from appliance.slots.schemas import ActiveSlot
from appliance.slots.service import route_configs
from appliance.staff.issues.findings import Action, fields_said
from appliance.staff.preflight.checks import Check, State
from appliance.staff.preflight.dry_run import DryRunResult, DryRuns, parameters_of
from appliance.staff.preflight.tools import RunState, Tools

FREE = {LocalDriver.name, "comfyui"}  # providers that nobody is paid for


async def look(tools: Tools, run: RunState) -> list[Check]:
    """One after the other, so that they take little from photos."""
    if tools.dry_runs is None or not run.reached:
        return []
    if not run.slots:
        return [Check("slots", "slots.none", "warning", action=Action("open_slot", href="/admin/slots"))]
    base = run.base or tools.base(run.settings.public_base_url) or "http://photochanger.invalid"
    return [await _slot(tools.dry_runs, run, slot, base) for slot in run.slots]


def paid_slots(slots: list[Slot]) -> list[Slot]:
    """Those of active slots whose first choice costs money."""
    return [slot for slot in slots if slot.provider not in FREE]


async def _slot(tries: DryRuns, run: RunState, row: Slot, base: str) -> Check:
    said: dict[str, Any] = {"name": row.display_name}
    try:
        slot = await tries.slot(row.slot_id)
        usable = [
            route
            for route, config in zip(slot.routes, route_configs(row), strict=False)
            if (config.provider, config.model) not in run.broken
        ]
        if not usable:
            return _line(row, "slot.none", "bad", said)
        if run.paid and usable[0].provider not in FREE:
            return await _shot(tries, run, row, base, said)
        return _drawn(row, slot, usable[0], await tries.dry_run(slot, usable[0], base), said)
    except (ApplianceError, ProviderError) as error:
        return _line(row, "slot.failed", "bad", said | _reason(error))
    except TimeoutError:
        return _line(row, "slot.late", "bad", said)


def _drawn(row: Slot, slot: ActiveSlot, route: Route, drawn: DryRunResult, said: dict[str, Any]) -> Check:
    said |= {"took_seconds": round(drawn.seconds, 1), "route": route.name, "first": slot.routes[0].name}
    if drawn.qr is False:
        return _line(row, "slot.qr", "bad", said)
    if route is not slot.routes[0]:
        return _line(row, "slot.fallback", "warning", said)
    return _line(row, "slot.drawn" if route.provider == LocalDriver.name else "slot.ready", "ok", said)


async def _shot(tries: DryRuns, run: RunState, row: Slot, base: str, said: dict[str, Any]) -> Check:
    shot = await tries.paid_run(row.slot_id, base, run.by)
    job = shot.job
    said |= parameters_of(shot) | {"job_id": str(job.job_id)}
    action = Action("open_job", href=f"/admin/jobs/{job.job_id}")
    if job.status != JobStatus.DONE:
        said |= {"reason": job.failure_reason or "internal_error"}
        return Check("slots", "slot.failed", "bad", said, (row.slot_id,), action)
    by = delivered(shot.attempts)
    if by is not None and not by.primary:
        return Check("slots", "slot.shot_fallback", "warning", said, (row.slot_id,), action)
    return Check(
        "slots", "slot.shot" if said["cost"] else "slot.shot_unpriced", "ok", said, (row.slot_id,), action
    )


def _line(row: Slot, code: str, state: State, said: Mapping[str, Any]) -> Check:
    action = Action("open_slot", href=f"/admin/slots/{row.slot_id}") if state != "ok" else None
    return Check("slots", code, state, dict(said), (row.slot_id,), action)


def _reason(error: ApplianceError | ProviderError) -> dict[str, Any]:
    """Why, in the form that issues have."""
    if isinstance(error, ProviderError):
        return {
            "reason": "provider_failed",
            "provider_reason": error.reason,
            "provider_kind": str(error.kind),
        }
    if error.fields:
        return {"fields": fields_said(error.fields)}
    return {"reason": str(error.code)}
