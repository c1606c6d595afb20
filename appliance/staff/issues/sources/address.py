"""The address that guests' links and QR codes begin with."""

from __future__ import annotations

from collections.abc import Callable

from appliance.settings.operator import SettingsReader
from appliance.staff.issues.findings import AT_ONCE, Action, Finding, Severity, Source
from appliance.staff.settings.address import Addresses

# Seen from this machine these may be wrong: some routers show a machine its own address otherwise.
CERTAIN = ("own_machine", "nobodys", "not_encrypted")
DOUBTFUL = ("unreachable", "somebody_else", "no_certificate", "not_for_phones")


def address_source(
    settings: SettingsReader, addresses: Addresses, base: Callable[[str | None], str | None]
) -> Source:
    """``base``: what links begin with, given what the operator chose; ``None``: nobody knows yet."""

    async def look() -> list[Finding]:
        chosen = base((await settings.operator_settings()).public_base_url)
        if chosen is None:
            return []
        check = await addresses.known(chosen)
        if check.state == "fine":
            return []
        severity: Severity = "should_know" if check.state in DOUBTFUL else "will_stop"
        parameters = {"state": check.state, "base": check.base, "host": check.host, "detail": check.detail}
        action = Action("open_address", href="/admin/settings#event")
        return [
            Finding(
                "address.wrong",
                severity,
                parameters,
                (),
                action,
                patience=AT_ONCE if check.state in CERTAIN else 30.0,
            )
        ]

    return Source("address", ("address.wrong",), look, every=5.0)
