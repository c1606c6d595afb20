"""What an account may be allowed to do: a closed list, and who is asking."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Literal

Permission = Literal[
    "settings:read",
    "settings:write",
    "slots:read",
    "slots:write",
    "slots:pause",
    "slots:test",
    "media:read",
    "media:write",
    "results:read",
    "results:write",
    "results:moderate",
    "jobs:read",
    "audit:read",
]

PERMISSIONS: dict[Permission, str] = {
    "settings:read": "see the settings",
    "settings:write": "change the settings, the ingest password and the provider keys",
    "slots:read": "see the slots",
    "slots:write": "change what a slot makes of a photo",
    "slots:pause": "pause and resume a slot",
    "slots:test": "try a slot with a photo",
    "media:read": "see the template media",
    "media:write": "add, rename and delete template media",
    "results:read": "see and download results",
    "results:write": "hide and delete results, open galleries for guests",
    "results:moderate": "approve and reject pictures for galleries and walls",
    "jobs:read": "see the jobs and the statistics",
    "audit:read": "see who changed what",
}
# Who has the latter has the former too.
_INCLUDED: dict[Permission, Permission] = {"results:moderate": "results:write"}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request, from where, and what they may do."""

    username: str
    role: str
    permissions: frozenset[str]
    session_id: uuid.UUID
    must_change_password: bool
    address: str  # the client's, for the audit log

    def may(self, permission: Permission) -> bool:
        """Whether this account has ``permission``, or one that includes it."""
        return permission in self.permissions or _INCLUDED.get(permission) in self.permissions
