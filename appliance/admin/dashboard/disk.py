"""The disk on the dashboard: told when it runs low, and room made with one tap."""

from __future__ import annotations

from fastapi import APIRouter, Response

from appliance.admin.headers import MOUNT
from appliance.admin.render import part
from appliance.admin.security import MayWriteResults
from appliance.housekeeping.disk_guard import DiskGuard

router = APIRouter(prefix="/dashboard/disk")


@router.post("/free")
async def free(context: MayWriteResults) -> Response:
    """Have results past half their time end now, and say what that gave."""
    report = await context.service(DiskGuard).free(context.who)
    if not context.is_htmx:
        return context.redirect(f"{MOUNT}/", "space_freed")
    return part(context, "_disk_freed.html", report=report)
