"""``/api/disk``: how full it is, and making room."""

from __future__ import annotations

from fastapi import APIRouter

from appliance.core.injection import Injected
from appliance.core.openapi import error_responses
from appliance.housekeeping.disk_guard import DiskGuard, DiskState, FreedReport
from appliance.staff.access import AUTH_ERRORS, MayReadJobs, MayWriteResults

router = APIRouter(prefix="/api/disk", tags=["disk"])

Guard = Injected[DiskGuard]


@router.get("", summary="How full the disk is", responses=error_responses(*AUTH_ERRORS))
async def disk(_: MayReadJobs, guard: Guard) -> DiskState:
    """Free space, the marks, and which results could go before their time when it is low."""
    return await guard.look()


@router.post("/free", summary="Free up space", responses=error_responses(*AUTH_ERRORS))
async def free(who: MayWriteResults, guard: Guard) -> FreedReport:
    """Ends results past half their time, as few as make room again, and removes their files. Their links
    answer `410` at once; this cannot be taken back. Nothing happens while there is room.
    """
    return await guard.free(who)
