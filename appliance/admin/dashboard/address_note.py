"""A wrong address of guests' links, told on the dashboard before a guest scans it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from appliance.admin.login.security import Visit, allowed
from appliance.admin.render import part
from appliance.core.injection import service_of
from appliance.core.public_base import base_urls_of
from appliance.ingest.service import IngestService
from appliance.settings.operator import SettingsReader
from appliance.staff.settings.address import Addresses

router = APIRouter(prefix="/dashboard")


@router.get("/address")
async def note(request: Request, visiting: Annotated[Visit, Depends(allowed("slots:read"))]) -> Response:
    """Nothing where phones can use the address; else what is wrong with it, and one that works."""
    way = base_urls_of(request)
    chosen = (await service_of(request, SettingsReader).operator_settings()).public_base_url or way.configured
    base = chosen or service_of(request, IngestService).guest_base or way.guests(None)
    check = await service_of(request, Addresses).known(base)
    better = None
    if check.state != "fine":
        other = way.without_choice()
        better = (
            other
            if other != base and (await service_of(request, Addresses).known(other)).state == "fine"
            else None
        )
    return part(visiting, "_address_note.html", check=check, better=better)
