"""What types of pictures there are is said once, in ``core/images.py``."""

from __future__ import annotations

import re
from typing import get_args

from appliance.core.images import PICTURE_TYPES, MediaType
from tests.support.stack import CHECKOUT

PACKAGE = CHECKOUT / "appliance"
TABLE = "core/images.py"
NAMED = re.compile("|".join(map(re.escape, PICTURE_TYPES)))


def test_a_type_of_pictures_is_named_in_the_table_only() -> None:
    sources = [path for ending in ("*.py", "*.html", "*.js") for path in PACKAGE.rglob(ending)]
    found = {
        str(path.relative_to(PACKAGE)) for path in sources if NAMED.search(path.read_text(encoding="utf-8"))
    }
    assert found == {TABLE}


def test_nobody_asks_the_machine_for_the_types_of_pictures() -> None:
    asking = [path for path in PACKAGE.rglob("*.py") if re.search(r"\bmimetypes\b", path.read_text())]
    assert asking == []


def test_what_people_may_choose_is_what_the_table_has() -> None:
    assert get_args(MediaType) == tuple(PICTURE_TYPES)
