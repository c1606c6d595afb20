"""``/api/stats``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from appliance.accounts.permissions import Principal
from appliance.core.injection import Injected
from appliance.core.openapi import error_responses
from appliance.staff.access import AUTH_ERRORS, requires
from appliance.staff.stats.schemas import SlotStatsList
from appliance.staff.stats.service import StatsService

router = APIRouter(prefix="/api/stats", tags=["stats"])


@router.get("/slots", summary="How every slot is doing", responses=error_responses(*AUTH_ERRORS))
async def slots(
    _: Annotated[Principal, Depends(requires("jobs:read"))],
    service: Injected[StatsService],
) -> SlotStatsList:
    """The last hour of every slot, what is in flight, and what is wrong."""
    return await service.slots()
