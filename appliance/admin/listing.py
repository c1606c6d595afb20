"""Lists that a filter narrows and that are read on page by page: jobs, pictures, the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from fastapi import Response

from appliance.admin.render import page, part
from appliance.admin.security import PageContext
from appliance.core.clock import in_reach


def instant(text: str) -> datetime | None:
    """A moment as the page's script sends it; without a zone it is taken as UTC."""
    try:
        found = in_reach(datetime.fromisoformat(text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Listing:
    """A list's address and its templates: the ``whole`` page, the ``filtered`` list, further ``rows``."""

    url: str
    whole: str
    filtered: str
    rows: str

    def answer(
        self,
        context: PageContext,
        chosen: Mapping[str, str],
        cursor: str,
        next_cursor: str | int | None,
        /,
        **values: Any,
    ) -> Response:
        """The page; for HTMX the list alone, or the next rows behind ``cursor``.

        ``chosen`` is the filter as it stands in the address, ``next_cursor`` what to ask for next, if there
        is more.
        """
        more = urlencode({**chosen, "cursor": next_cursor}) if next_cursor else None
        values |= {
            "chosen": chosen,
            "is_filtered": bool(chosen),
            "more": f"{self.url}?{more}" if more else None,
        }
        if not context.is_htmx:
            return page(context, self.whole, **values)
        if cursor:
            return part(context, self.rows, **values)
        here = self.url + (f"?{urlencode(chosen)}" if chosen else "")
        return part(context, self.filtered, headers={"HX-Replace-Url": here}, **values)
