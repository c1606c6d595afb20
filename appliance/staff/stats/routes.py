"""``/api/stats``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from appliance.core.errors import ErrorCode
from appliance.core.injection import Injected
from appliance.core.openapi import error_responses
from appliance.staff.access import AUTH_ERRORS, MayReadJobs
from appliance.staff.stats.schemas import CostList, SlotStatsList
from appliance.staff.stats.service import StatsService

router = APIRouter(prefix="/api/stats", tags=["stats"])


@router.get("/slots", summary="How every slot is doing", responses=error_responses(*AUTH_ERRORS))
async def slots(
    _: MayReadJobs,
    service: Injected[StatsService],
) -> SlotStatsList:
    """The last hour of every slot, what is in flight, and what is wrong."""
    return await service.slots()


@router.get(
    "/costs",
    summary="What the photos of each day cost",
    responses=error_responses(*AUTH_ERRORS, ErrorCode.VALIDATION_FAILED),
)
async def costs(
    _: MayReadJobs,
    service: Injected[StatsService],
    days: Annotated[int, Query(ge=1, le=90, description="number of days, including today")] = 7,
) -> CostList:
    """By day and slot: known sums by currency, and how many attempts cost what nobody knows."""
    return await service.costs(days)
