"""What the deployment and the settings say: a version that went back, marks that are off, files left out."""

from __future__ import annotations

from appliance.providers.registry import ProviderRegistry
from appliance.settings.operator import SettingsReader
from appliance.staff.issues.findings import AT_ONCE, Action, Finding, Source


def deployment_source(settings: SettingsReader, registry: ProviderRegistry, rolled_back: str) -> Source:
    """``rolled_back``: the version that an upgrade came back from; empty: none did."""

    async def look() -> list[Finding]:
        found: list[Finding] = []
        if rolled_back:
            said = {"version": rolled_back}
            found.append(
                Finding("upgrade.rolled_back", "should_know", said, patience=AT_ONCE, own_key="upgrade")
            )
        operator = await settings.operator_settings()
        if not (operator.marks_ai_files and operator.shows_ai_sign):
            action = Action("open_marks", href="/admin/settings#ai")
            found.append(Finding("marks.off", "should_know", {}, (), action))
        if problems := registry.catalogue.problems:
            said = {"said": "; ".join(map(str, problems))[:500]}
            found.append(Finding("models.left_out", "should_know", said))
        return found

    return Source("deployment", ("upgrade.rolled_back", "marks.off", "models.left_out"), look, every=15.0)
