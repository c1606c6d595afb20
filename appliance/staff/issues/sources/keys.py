"""Provider keys that were refused, are spent, rest or cannot be used."""

from __future__ import annotations

from appliance.providers.runner import RouteRunner
from appliance.staff.issues.findings import AT_ONCE, Action, Finding, Severity, Source
from appliance.staff.settings.provider_keys.testing import KeyTesting


def keys_source(runner: RouteRunner, testing: KeyTesting) -> Source:
    """Looks at the keys of every provider that needs one."""

    async def look() -> list[Finding]:
        used = await testing.models_used()
        await runner.keys.refresh()
        found: list[Finding] = []
        for name in runner.registry.names:
            if runner.registry.driver(name).needs_key:
                found += _of_provider(runner, name, tuple(used.slots_of(name)))
        return found

    return Source("keys", ("key.refused", "key.spent", "key.resting", "key.unusable"), look, every=5.0)


def _of_provider(runner: RouteRunner, name: str, slots: tuple[str, ...]) -> list[Finding]:
    keys = runner.keys
    action = Action("open_keys", href=f"/admin/settings#keys-{name}")
    troubles = keys.troubles(name)
    bad = {one.ends_in for one in troubles}
    left = len(keys.source.keys(name)) - len(troubles)
    severity: Severity = "will_stop" if slots and not left else "should_know"
    found = [
        Finding(
            "key.spent" if one.spent else "key.refused",
            severity,
            {
                "provider": name,
                "key": one.ends_in,
                "left": left,
                "reason": "provider_failed",
                "provider_reason": one.reason,
                "provider_kind": "spent" if one.spent else "bad_key",
            },
            slots,
            action,
            one.since,
            AT_ONCE,
            own_key=f"key.{name}.{one.ends_in}",
        )
        for one in troubles
    ]
    resting = [one for one in keys.states(name) if one.rests_for and one.ends_in not in bad]
    if resting and not any(not one.rests_for for one in keys.states(name)):
        parameters = {
            "provider": name,
            "count": len(resting),
            "models": sorted({m for k in resting for m in k.models}),
        }
        found.append(
            Finding("key.resting", "should_know", parameters, slots, action, own_key=f"key.{name}.resting")
        )
    lost = keys.source.unreadable(name) + keys.source.elsewhere(name)
    if lost:
        parameters = {
            "provider": name,
            "count": lost,
            "reason": "provider_failed",
            "provider_reason": keys.lacks(name),
        }
        weight: Severity = "should_know" if keys.configured(name) or not slots else "will_stop"
        found.append(
            Finding("key.unusable", weight, parameters, slots, action, own_key=f"key.{name}.unusable")
        )
    return found
