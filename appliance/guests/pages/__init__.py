"""Pages a guest's browser gets instead of a JSON error: plain words in the guest's language."""

from __future__ import annotations

import re
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from appliance.core.error_handlers import from_database, retry_headers
from appliance.core.errors import ApplianceError, ErrorCode
from appliance.core.injection import service_of
from appliance.guests.pages.render import page
from appliance.guests.service import ResultDeleted
from appliance.settings.operator import OperatorSettings
from appliance.settings.recent import RecentSettings

_GUEST_PATHS = re.compile(r"/(?:(?:public|r|s|e|g|wall)(?:/.*)?)?", re.DOTALL)
_OF_GALLERIES = re.compile(r"/(?:g|wall)/.*", re.DOTALL)
WALL_LOOKS_AGAIN = 20  # seconds: a screen in the room has nobody to reload it
_KINDS = {404: "missing", 410: "gone", 429: "busy"}


async def guest_error_page(request: Request, error: ApplianceError) -> Response | None:
    """A page for a guest's browser; ``None`` for everyone else, who get the JSON form."""
    path = request.url.path
    if not _GUEST_PATHS.fullmatch(path) or "text/html" not in request.headers.get("accept", ""):
        return None
    kind = f"error.{_KINDS.get(error.status_code, 'other')}"
    if error.code is ErrorCode.STORAGE_FULL:
        kind = "error.away"
    if _OF_GALLERIES.fullmatch(path) and error.status_code in (403, 410):
        kind = "gallery.closed" if error.status_code == 403 else "gallery.over"
    picture = "clock" if error.status_code in (410, 429, 503) else "cross"
    if isinstance(error, ResultDeleted):
        kind, picture = "deleted", "check"
    more: dict[str, Any] = {"refresh": WALL_LOOKS_AGAIN} if path.startswith("/wall/") else {}
    return page(
        request,
        await _settings(request, error),
        "message.html",
        status=error.status_code,
        headers=retry_headers(error),
        kind=kind,
        picture=picture,
        **more,
    )


async def _settings(request: Request, error: ApplianceError) -> OperatorSettings:
    """The settings in force; the usual ones where asking the database would make matters worse."""
    if error.status_code == 429 or error.status_code >= 500:
        return OperatorSettings()
    try:
        return await service_of(request, RecentSettings).operator_settings()
    except Exception as away:
        if from_database(away) is None:
            raise
        return OperatorSettings()
