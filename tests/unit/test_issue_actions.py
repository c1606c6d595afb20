"""A button beside an issue leads nobody to a page that refuses them."""

from __future__ import annotations

import re
from typing import Any, cast

import pytest

from appliance.admin.issue_actions import may_press
from tests.support.permissions import WHO_MAY, listed
from tests.support.stack import CHECKOUT

_ACTION = re.compile(r'Action\("(\w+)", href=f?"(/admin/[^"#?]*)')
_STAFF = (CHECKOUT / "appliance/staff").rglob("*.py")
LEADS_TO = sorted({found for path in _STAFF for found in _ACTION.findall(path.read_text(encoding="utf-8"))})


class OnlySlots:
    """Somebody who may look at the slots, where issues are shown, and at nothing else."""

    @staticmethod
    def may(permission: str) -> bool:
        return permission == "slots:read"


def permission_of(href: str) -> str:
    shape = re.sub(r"\{[^}]*\}", "{}", href)
    routes = ((who, re.sub(r"\{[^}]*\}", "{}", path)) for who in WHO_MAY for _, path in listed(who))
    return next(who for who, path in routes if path == shape)


@pytest.mark.parametrize(("kind", "href"), LEADS_TO)
def test_who_may_not_open_a_page_is_not_offered_it(kind: str, href: str) -> None:
    assert permission_of(href) == "slots:read" or not may_press(cast("Any", OnlySlots), kind)
