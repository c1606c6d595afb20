"""What an account may be allowed to do: a closed list, and who is asking."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
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
    "tokens:write",
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
    "tokens:write": "see, make and revoke API tokens",
}
# Who has the latter has the former too.
_INCLUDED: dict[Permission, Permission] = {
    "results:moderate": "results:write",
    "tokens:write": "settings:write",
}


def with_included(permissions: Iterable[str]) -> frozenset[Permission]:
    """``permissions``, those that they include, and none that does not exist."""
    given = frozenset(permissions)
    return frozenset(one for one in PERMISSIONS if one in given or _INCLUDED.get(one) in given)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request, from where, and what they may do.

    ``username`` is who stands in the audit log: an account, or ``token NAME of ACCOUNT``.
    """

    username: str
    role: str
    permissions: frozenset[str]
    session_id: uuid.UUID
    must_change_password: bool
    address: str  # the client's, for the audit log
    token_of: str | None = None  # the account whose API token it is; ``session_id`` is the token's then

    def may(self, permission: Permission) -> bool:
        """Whether this account has ``permission``, or one that includes it. A token makes no further
        tokens unless its scopes say so.
        """
        if permission in self.permissions or (self.token_of and permission == "tokens:write"):
            return permission in self.permissions
        return _INCLUDED.get(permission) in self.permissions

    @property
    def account(self) -> str:
        """The account that answers for what is done."""
        return self.token_of or self.username
