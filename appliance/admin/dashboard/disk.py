"""The disk on the dashboard: told when it runs low, and room made with one tap."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from appliance.admin.headers import MOUNT
from appliance.admin.render import part
from appliance.admin.security import MayWriteResults
from appliance.core.injection import service_of
from appliance.housekeeping.disk_guard import DiskGuard

router = APIRouter(prefix="/dashboard/disk")


@router.post("/free")
async def free(request: Request, context: MayWriteResults) -> Response:
    """Have results past half their time end now, and say what that gave."""
    report = await service_of(request, DiskGuard).free(context.who)
    if not context.is_htmx:
        context.notice("space_freed")
        return RedirectResponse(f"{MOUNT}/", 303)
    return part(context, "_disk_freed.html", report=report)
