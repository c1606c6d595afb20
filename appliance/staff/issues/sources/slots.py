"""Slots that make no pictures, or not by their first choice; routes and models that are the reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from appliance.core.clock import utcnow
from appliance.providers.base import FailureKind
from appliance.providers.keys import KeyRing
from appliance.staff.issues.findings import AT_ONCE, Action, Finding, Severity, Source, fields_said
from appliance.staff.stats.schemas import Cause, SlotStats
from appliance.staff.stats.service import StatsService

_OF_THE_WHOLE = {"no_key", "keys_rest", "model_ended", "model_unknown"}  # every slot with the route has it
_OF_MODELS = {"model_ended", "model_unknown", "model_ending"}
_FALLBACK = 10.0  # seconds
_SOON = timedelta(days=7)  # a model that ends within these is more than worth knowing


def slots_source(stats: StatsService, keys: KeyRing) -> Source:
    """Looks at the figures of all slots."""

    async def look() -> list[Finding]:
        slots = (await stats.slots()).slots
        return [*_slots(slots, keys), *_missing_keys(slots), *_models(slots), *_circuits(slots)]

    return Source(
        "slots",
        (
            "slot.failing",
            "slot.fallback",
            "key.missing",
            "model.ended",
            "model.ending",
            "provider.resting",
        ),
        look,
    )


def _slots(slots: Sequence[SlotStats], keys: KeyRing) -> list[Finding]:
    """One finding for each trouble: slots that have the same one are told of together."""
    together: dict[str, tuple[str, Cause | None, list[str]]] = {}
    for slot in slots:
        cause = slot.why[0] if slot.why else None
        if slot.state not in ("failing", "fallback") or (slot.state == "fallback" and _told(cause, keys)):
            continue
        key = f"slot.{slot.slot_id}.{slot.state}"
        if cause and cause.provider_kind == FailureKind.UNREACHABLE:
            key = f"slot.{slot.state}.unreachable"  # the internet is away: no news of each slot
        elif cause and cause.kind in _OF_THE_WHOLE:
            key = f"slot.{slot.state}.{cause.kind}.{cause.route}"[:160]
        together.setdefault(key, (slot.state, cause, []))[2].append(slot.slot_id)
    return [_finding(key, *told) for key, told in together.items()]


def _told(cause: Cause | None, keys: KeyRing) -> bool:
    """Whether another issue tells of it: that there is no key yet, a key in trouble, a model's end."""
    if cause is None:
        return False
    if cause.kind in _OF_MODELS or _no_key_yet(cause):
        return True
    of_keys = cause.advice is not None and cause.advice.place == "provider_keys"
    return of_keys and bool(cause.route and keys.troubles(_provider(cause)))


def _finding(key: str, state: str, cause: Cause | None, slots: list[str]) -> Finding:
    action = _action(cause, slots[0])
    parameters = _parameters(cause)
    if state == "failing":  # three photos in a row have failed: that does not go by itself
        return Finding(
            "slot.failing", "stops_photos", parameters, tuple(slots), action, patience=AT_ONCE, own_key=key
        )
    return Finding(
        "slot.fallback", "will_stop", parameters, tuple(slots), action, patience=_FALLBACK, own_key=key
    )


def _parameters(cause: Cause | None) -> dict[str, Any]:
    """What the words put in: the cause's reason, of settings the fields."""
    if cause is None:
        return {"reason": "internal_error"}
    found: dict[str, Any] = {"cause": cause.kind, "reason": cause.reason, "route": cause.route}
    if cause.kind == "settings":
        found |= {"reason": "internal_error", "provider_reason": "settings"}
        found["fields"] = fields_said(cause.fields or {})
    elif cause.provider_kind or cause.kind in ("no_key", "primary_failed", "fallback_only", "last_failure"):
        found |= {"provider_reason": cause.provider_reason, "provider_kind": cause.provider_kind}
    else:
        found |= {"reason": "provider_failed", "provider_reason": cause.kind}
    if cause.job_id:
        found["job_id"] = str(cause.job_id)
    return {name: value for name, value in found.items() if value is not None}


def _action(cause: Cause | None, slot: str) -> Action:
    """Where the trouble can be ended."""
    if cause and cause.advice and cause.advice.place == "provider_keys" and cause.route:
        return Action("open_keys", href=f"/admin/settings#keys-{_provider(cause)}")
    if cause and cause.successor:
        return _use_successor(cause)
    if cause and cause.kind == "last_failure" and cause.job_id:
        return Action("open_job", href=f"/admin/jobs/{cause.job_id}")
    if cause and cause.kind == "not_tried_since":
        return Action("test_slot", href=f"/admin/slots/{slot}#test")
    return Action("open_slot", href=f"/admin/slots/{slot}")


def _missing_keys(slots: Sequence[SlotStats]) -> list[Finding]:
    """Providers whose slots draw local looks since nobody has entered a key yet: worth knowing, no more."""
    without: dict[str, list[str]] = {}
    for slot in slots:
        cause = slot.why[0] if slot.why else None
        if slot.state == "fallback" and cause and _no_key_yet(cause):
            without.setdefault(_provider(cause), []).append(slot.slot_id)
    if not without:
        return []
    touched = sorted({one for ids in without.values() for one in ids})
    action = Action("open_keys", href=f"/admin/settings#keys-{next(iter(without))}")
    parameters = {"providers": sorted(without)}
    return [
        Finding(
            "key.missing",
            "should_know",
            parameters,
            tuple(touched),
            action,
            patience=_FALLBACK,
        )
    ]


def _no_key_yet(cause: Cause) -> bool:
    return cause.kind == "no_key" and cause.provider_reason == "no_key"


def _models(slots: Sequence[SlotStats]) -> list[Finding]:
    """Models that have ended, or will soon, with the slots that use them."""
    together: dict[str, tuple[Cause, list[SlotStats]]] = {}
    for slot in slots:
        for cause in slot.why:
            if slot.state != "paused" and cause.kind in _OF_MODELS and cause.model:
                together.setdefault(f"{_provider(cause)}/{cause.model}", (cause, []))[1].append(slot)
    return [_of_model(name, cause, of) for name, (cause, of) in together.items()]


def _of_model(name: str, cause: Cause, slots: list[SlotStats]) -> Finding:
    is_over = cause.kind != "model_ending"
    soon = cause.ends_on is not None and cause.ends_on - date.fromordinal(utcnow().toordinal()) <= _SOON
    severity: Severity = "will_stop" if is_over or soon else "should_know"
    ids = tuple(slot.slot_id for slot in slots)
    parameters = {
        "provider": _provider(cause),
        "model": cause.model,
        "ends_on": cause.ends_on.isoformat() if cause.ends_on else None,
        "successor": cause.successor,
        "reason": "provider_failed",
        "provider_reason": cause.kind,
    }
    action = (
        _use_successor(cause) if cause.successor else Action("open_models", href=f"/admin/slots/{ids[0]}")
    )
    return Finding(
        "model.ended" if is_over else "model.ending", severity,
        {key: value for key, value in parameters.items() if value is not None}, ids, action,
        patience=AT_ONCE,  # a date does not go by itself
        own_key=f"model.{name}"[:160],
    )  # fmt: skip


def _use_successor(cause: Cause) -> Action:
    body = {"provider": _provider(cause), "model": cause.model or "", "by": cause.successor or ""}
    return Action("use_successor", method="POST", path="/api/providers/model-change", body=body)


def _circuits(slots: Sequence[SlotStats]) -> list[Finding]:
    """Routes that are left alone since several photos in a row failed there."""
    told = {cause.route for slot in slots for cause in slot.why if cause.kind == "fallback_only"}
    together: dict[str, tuple[Cause, list[str]]] = {}
    for slot in slots:
        for cause in slot.why:
            rests = cause.kind == "circuit_open" and cause.route not in told
            if slot.state == "ready" and rests and cause.route:
                together.setdefault(cause.route, (cause, []))[1].append(slot.slot_id)
    return [
        Finding(
            "provider.resting",
            "should_know",
            {"route": route, "reason": "provider_failed", "provider_reason": cause.provider_reason or ""},
            tuple(ids),
            Action("open_jobs", href=f"/admin/jobs?slot={ids[0]}"),
            patience=20.0,  # a circuit is open for half a minute
            own_key=f"provider.resting.{route}"[:160],
        )
        for route, (cause, ids) in together.items()
    ]


def _provider(cause: Cause) -> str:
    return (cause.route or "").partition("/")[0]
