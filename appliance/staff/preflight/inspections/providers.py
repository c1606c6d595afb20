"""Every provider that active slots ask or that has a key: the line to it, each key, each model."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from appliance.providers.base import FailureKind
from appliance.providers.key_tests import KeyTest, ask_provider
from appliance.providers.keys import ends_in
from appliance.providers.local.driver import LocalDriver
from appliance.slots.service import route_configs
from appliance.staff.issues.findings import Action, Finding
from appliance.staff.preflight.checks import Check, State, of_issue
from appliance.staff.preflight.tools import RunState, Tools
from appliance.staff.providers.machines import Machines
from appliance.staff.settings.address import tls_failure
from appliance.staff.settings.provider_keys.schemas import UsedModelView
from appliance.staff.settings.provider_keys.testing import ModelsUsed

PATIENCE = 8.0  # seconds
_KINDS = {
    "refused": FailureKind.BAD_KEY,
    "no_quota": FailureKind.SPENT,
    "unreachable": FailureKind.UNREACHABLE,
}
_MODEL_ISSUES = {
    "ending": ("model.ending", "model_ending"),
    "ended": ("model.ended", "model_ended"),
    "unknown": ("model.ended", "model_unknown"),
}


@dataclass(frozen=True, slots=True)
class _Provider:
    """One that is looked at, with the active slots that ask it and how bad its failure is for them."""

    name: str
    slots: tuple[str, ...]
    bad: State

    def check(self, code: str, state: State, said: Mapping[str, Any], action: Action | None = None) -> Check:
        return Check("providers", code, state, {"provider": self.name, **said}, self.slots, action)

    @property
    def keys_page(self) -> Action:
        return Action("open_keys", href=f"/admin/settings#keys-{self.name}")


async def look(tools: Tools, run: RunState) -> list[Check]:
    """All at the same time, for a few seconds at most."""
    if run.reached:
        await tools.runner.keys.refresh()
    used = await tools.testing.models_used() if run.reached else ModelsUsed({}, {})
    keys = tools.runner.keys.source
    wanted = [
        _Provider(name, tuple(used.slots_of(name)), _weight(name, run))
        for name in tools.runner.registry.names
        if name != LocalDriver.name
        and (used.slots_of(name) or keys.keys(name) or keys.unreadable(name) or keys.elsewhere(name))
    ]
    found = await asyncio.gather(*(_provider(tools, run, one) for one in wanted))
    lines = [line for several in found for line in several]
    if not lines and run.reached:  # what the slots ask is not known without the database
        lines = [Check("providers", "providers.none")]
    return lines


def _weight(name: str, run: RunState) -> State:
    """Red where a slot has nobody else to make its pictures."""
    alone = any({route.provider for route in route_configs(slot)} == {name} for slot in run.slots)
    return "bad" if alone else "warning"


async def _provider(tools: Tools, run: RunState, one: _Provider) -> list[Check]:
    registry, ring = tools.runner.registry, tools.runner.keys
    driver, keys = registry.driver(one.name), ring.source.keys(one.name)
    line = await _line(registry.origin(one.name), run, one)
    if line.state != "ok":
        _break(tools, run, one)
        return [line, *_unusable(tools, one)]
    if not driver.needs_key:
        return [line, *await _machine(tools, run, one)]
    if not keys:
        _break(tools, run, one)
        return [line, *(_unusable(tools, one) or [_no_key(one)])]
    models = [view.model for view in (await _views(tools, run)).views_of(one.name)]
    tested = await asyncio.gather(*(ask_provider(driver, key, models, PATIENCE) for key in keys))
    for key, test in zip(keys, tested, strict=True):
        tools.testing.judge(one.name, key, test)
    one_works = any(test.outcome in ("works", "unproven") for test in tested)
    if not one_works:
        _break(tools, run, one)
    views = (await _views(tools, run)).views_of(one.name)
    return [
        line,
        *(
            _key(one, key, test, "warning" if one_works else one.bad)
            for key, test in zip(keys, tested, strict=True)
        ),
        *_unusable(tools, one),
        *(_model(run, one, view, tools) for view in views),
    ]


async def _views(tools: Tools, run: RunState) -> ModelsUsed:
    return await tools.testing.models_used() if run.reached else ModelsUsed({}, {})


def _break(tools: Tools, run: RunState, one: _Provider, model: str | None = None) -> None:
    """No picture comes by this provider's routes, or by those of one model."""
    for slot in run.slots:
        for route in route_configs(slot):
            if route.provider != one.name:
                continue
            asked = tools.runner.registry.model(route.provider, route.operation, route.model)
            if model in (None, asked):
                run.broken.add((route.provider, route.model))


async def _line(origin: str, run: RunState, one: _Provider) -> Check:
    """By name and by HTTP, each step timed."""
    host = urlsplit(origin).hostname or origin
    try:
        async with asyncio.timeout(PATIENCE):
            took, date = await _asked(origin)
    except socket.gaierror:
        return one.check("provider.no_name", one.bad, {"host": host})
    except (OSError, httpx.HTTPError, TimeoutError) as error:
        if tls_failure(error):
            return one.check("provider.no_trust", one.bad, {"host": host})
        own = "" if one.name != "comfyui" else ".own"
        return one.check(f"provider.away{own}", one.bad, {"address": origin, "error": type(error).__name__})
    run.skew.heard(date)
    return one.check(
        "provider.there" if "tls" in took else "provider.plain", "ok", {"address": origin, **took}
    )


async def _asked(origin: str) -> tuple[dict[str, int], str | None]:
    """Milliseconds of each step, and the time that the answer says it is."""
    parts, took, since = urlsplit(origin), {}, time.monotonic()

    async def step(name: str, __: dict[str, Any]) -> None:
        nonlocal since
        known = {"connect_tcp": "dial", "start_tls": "tls", "receive_response_headers": "ms"}
        _, _, event = name.rpartition(".")
        what = known.get(name.split(".")[1])
        if event == "started" and what in ("dial", "tls"):
            since = time.monotonic()
        elif event == "complete" and what:
            took[what] = round((time.monotonic() - since) * 1000)
            since = time.monotonic()

    port = parts.port or (443 if parts.scheme == "https" else 80)
    await asyncio.get_running_loop().getaddrinfo(parts.hostname, port)
    took["dns"] = round((time.monotonic() - since) * 1000)
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        answer = await client.head(origin, extensions={"trace": step})
    return took, answer.headers.get("date")


def _no_key(one: _Provider) -> Check:
    code = "key.none" if one.bad == "bad" else "key.none_needed"
    return one.check(code, one.bad, {}, one.keys_page)


def _unusable(tools: Tools, one: _Provider) -> list[Check]:
    """Keys that another encryption key locked, or that were entered for another address."""
    ring = tools.runner.keys
    count = ring.source.unreadable(one.name) + ring.source.elsewhere(one.name)
    if not count:
        return []
    said = {"provider": one.name, "count": count, "reason": "provider_failed"}
    said["provider_reason"] = ring.lacks(one.name)
    finding = Finding("key.unusable", "will_stop", said, one.slots, one.keys_page)
    return [of_issue("providers", finding, "warning" if ring.configured(one.name) else one.bad)]


def _key(one: _Provider, key: str, test: KeyTest, bad: State) -> Check:
    said: dict[str, Any] = {"key": ends_in(key)}
    if test.outcome in ("works", "unproven"):
        return one.check(f"key.{test.outcome}", "ok", said)
    said |= {"reason": "provider_failed", "provider_reason": test.reason or ""}
    if kind := _KINDS.get(test.outcome):
        said["provider_kind"] = str(kind)
    state: State = bad if test.outcome in ("refused", "no_quota", "not_served") else "warning"
    return one.check(f"key.{test.outcome}", state, said, one.keys_page)


def _model(run: RunState, one: _Provider, view: UsedModelView, tools: Tools) -> Check:
    if view.state not in _MODEL_ISSUES:
        return Check("providers", "model.there", parameters={"model": view.model}, slots=tuple(view.slots))
    code, reason = _MODEL_ISSUES[view.state]
    if view.state != "ending":
        _break(tools, run, one, view.model)
    said = {"provider": one.name, "model": view.model, "reason": "provider_failed", "provider_reason": reason}
    if view.ends_on:
        said["ends_on"] = view.ends_on.isoformat()
    action = Action("open_models", href=f"/admin/slots/{view.slots[0]}") if view.slots else None
    if view.successor and action:
        said["successor"] = view.successor
        body = {"provider": one.name, "model": view.model, "by": view.successor}
        action = Action("use_successor", action.href, "POST", "/api/providers/model-change", body)
    finding = Finding(code, "will_stop", said, tuple(view.slots), action)  # type: ignore[arg-type]
    return of_issue("providers", finding, "warning" if view.state == "ending" else one.bad)


async def _machine(tools: Tools, run: RunState, one: _Provider) -> list[Check]:
    """What a machine of the venue's own has not got for the workflows of its slots."""
    found: list[Check] = []
    for slot in run.slots:
        for route in route_configs(slot):
            if route.provider != one.name:
                continue
            report = await Machines(tools.runner).look(route)
            if report.outcome == "fits":
                continue
            run.broken.add((route.provider, route.model))
            lacks = "; ".join(map(str, report.findings)) or report.reason
            action = Action("open_slot", href=f"/admin/slots/{slot.slot_id}")
            said = {"provider": one.name, "lacks": lacks}
            found.append(Check("providers", "machine.lacks", one.bad, said, (slot.slot_id,), action))
    return found or [one.check("machine.fits", "ok", {})]
