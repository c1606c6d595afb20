"""The buttons beside an issue or a finding of the pre-flight."""

from __future__ import annotations

from appliance.accounts.permissions import Permission
from appliance.admin.security import PageContext

_PERMISSIONS: dict[str, Permission] = {
    "open_keys": "settings:read",
    "open_job": "jobs:read",
    "open_jobs": "jobs:read",
    "open_audit": "audit:read",
    "open_password": "settings:write",
    "open_booths": "jobs:read",
    "open_address": "settings:read",
    "open_alerts": "settings:read",
    "open_marks": "settings:read",
    "open_backups": "settings:read",
    "open_screens": "results:read",
    "test_slot": "slots:test",
    "use_successor": "slots:write",
    "free_space": "results:write",
}


def may_press(context: PageContext, kind: str) -> bool:
    """Whether who is logged in may press this button; the others see none that would refuse them."""
    return context.may(_PERMISSIONS.get(kind, "slots:read"))
