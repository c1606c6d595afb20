"""The buttons beside an issue or a finding of the pre-flight."""

from __future__ import annotations

from appliance.accounts.permissions import Permission

# Who may press which button; the others see no button that would refuse them.
PERMISSIONS: dict[str, Permission] = {
    "open_keys": "settings:read",
    "open_job": "jobs:read",
    "open_jobs": "jobs:read",
    "open_audit": "audit:read",
    "open_password": "settings:write",
    "open_address": "settings:read",
    "open_marks": "settings:read",
    "open_backups": "settings:read",
    "open_screens": "results:read",
    "test_slot": "slots:test",
    "use_successor": "slots:write",
    "free_space": "results:write",
}
