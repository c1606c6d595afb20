"""A wrong address of guests' links, told on the dashboard before a guest scans it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from appliance.admin.desk import desk_of
from appliance.admin.door.security import Visit, allowed
from appliance.admin.render import part
from appliance.core.public_base import doorway_of

router = APIRouter(prefix="/dashboard")


@router.get("/address")
async def note(request: Request, visiting: Annotated[Visit, Depends(allowed("slots:read"))]) -> Response:
    """Nothing where phones can use the address; else what is wrong with it, and one that works."""
    desk, way = desk_of(request), doorway_of(request)
    chosen = (await desk.guests.settings()).public_base_url or way.configured
    base = chosen or desk.booths.base or way.guests(None)
    check = await desk.addresses.known(base)
    better = None
    if check.state != "fine":
        other = way.without_choice()
        better = other if other != base and (await desk.addresses.known(other)).state == "fine" else None
    return part(visiting, "_address_note.html", check=check, better=better)
