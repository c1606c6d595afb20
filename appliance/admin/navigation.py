"""The navigation of the admin pages, in the order in which they are shown."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.accounts.permissions import Permission
from appliance.admin.headers import MOUNT
from appliance.admin.security import PageContext


@dataclass(frozen=True, slots=True)
class NavigationItem:
    """A page that the navigation leads to; its name is ``nav.{key}`` in the catalogs.

    ``at_hand``: it has a place of its own in a phone's bottom bar, the others are under 'More'.
    ``seldom``: it is under 'More' on a large screen too.
    """

    key: str
    path: str
    permission: Permission
    at_hand: bool = False
    seldom: bool = False

    @property
    def url(self) -> str:
        return MOUNT + self.path

    def holds(self, path: str) -> bool:
        """Whether the page at ``path`` is this one or belongs to it."""
        return path == self.url if self.path == "/" else (path + "/").startswith(self.url + "/")


ITEMS = (
    NavigationItem("dashboard", "/", "slots:read", at_hand=True),
    NavigationItem("pictures", "/gallery", "results:read", at_hand=True),
    NavigationItem("shared_galleries", "/screens", "results:read"),
    NavigationItem("jobs", "/jobs", "jobs:read", at_hand=True),
    NavigationItem("preflight", "/preflight", "slots:read"),
    NavigationItem("booths", "/booths", "jobs:read"),
    NavigationItem("templates", "/templates", "media:read"),
    NavigationItem("slots", "/slots", "slots:read", at_hand=True),
    NavigationItem("settings", "/settings", "settings:read"),
    NavigationItem("backups", "/backups", "settings:read", seldom=True),
    NavigationItem("audit", "/audit", "audit:read", seldom=True),
    NavigationItem("manual", "/manual", "slots:read", seldom=True),
)


def navigation_for(context: PageContext) -> list[NavigationItem]:
    """The pages that who is logged in may go to; none before they have a password of their own."""
    if context.who is None or context.who.must_change_password:
        return []
    return [item for item in ITEMS if context.may(item.permission)]
