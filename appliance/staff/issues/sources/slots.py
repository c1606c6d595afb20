"""Slots that make no pictures, or not by their first choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from appliance.staff.issues.findings import AT_ONCE, Action, Finding, Source
from appliance.staff.stats.schemas import Cause, SlotStats
from appliance.staff.stats.service import StatsService

_OF_THE_WHOLE = {"no_key", "keys_rest", "model_ended", "model_unknown"}  # every slot with the route has it


def slots_source(stats: StatsService) -> Source:
    """Looks at the figures of all slots."""

    async def look() -> list[Finding]:
        return slot_findings((await stats.slots()).slots)

    return Source("slots", frozenset({"slot.failing", "slot.fallback"}), look)


def slot_findings(slots: Sequence[SlotStats]) -> list[Finding]:
    """One finding for each trouble: slots that have the same one are told of together."""
    together: dict[str, tuple[str, Cause | None, list[str]]] = {}
    for slot in slots:
        if slot.state not in ("failing", "fallback"):
            continue
        cause = slot.why[0] if slot.why else None
        key = f"slot.{slot.slot_id}.{slot.state}"
        if cause and cause.kind in _OF_THE_WHOLE:
            key = f"slot.{slot.state}.{cause.kind}.{cause.route}"
        together.setdefault(key, (slot.state, cause, []))[2].append(slot.slot_id)
    return [_finding(key, *told) for key, told in together.items()]


def _finding(key: str, state: str, cause: Cause | None, slots: list[str]) -> Finding:
    action = _action(cause, slots[0])
    parameters = _parameters(cause)
    if state == "failing":  # three photos in a row have failed: that does not go by itself
        return Finding(
            key, "slot.failing", "stops_photos", parameters, tuple(slots), action, patience=AT_ONCE
        )
    return Finding(key, "slot.fallback", "will_stop", parameters, tuple(slots), action)


def _parameters(cause: Cause | None) -> dict[str, Any]:
    """What the words put in: the cause's reason, of settings the fields."""
    if cause is None:
        return {"reason": "internal_error"}
    found: dict[str, Any] = {"cause": cause.kind, "reason": cause.reason, "route": cause.route}
    if cause.kind == "settings":
        found |= {"reason": "internal_error", "fields": ", ".join(sorted(cause.fields or ()))}
    elif cause.kind in ("no_key", "primary_failed", "last_failure"):
        found["provider_reason"] = cause.provider_reason
    else:
        found["provider_reason"] = cause.kind
    if cause.job_id:
        found["job_id"] = str(cause.job_id)
    return {name: value for name, value in found.items() if value is not None}


def _action(cause: Cause | None, slot: str) -> Action:
    """Where the trouble can be ended."""
    if cause and cause.advice and cause.advice.place == "provider_keys" and cause.route:
        return Action("open_keys", href=f"/admin/settings#keys-{cause.route.partition('/')[0]}")
    if cause and cause.kind == "last_failure" and cause.job_id:
        return Action("open_job", href=f"/admin/jobs/{cause.job_id}")
    if cause and cause.kind == "not_tried_since":
        return Action("test_slot", href=f"/admin/slots/{slot}#test")
    return Action("open_slot", href=f"/admin/slots/{slot}")
