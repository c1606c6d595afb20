"""``/api/booths``: what booths sent, as it arrived."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from appliance.accounts.permissions import Principal
from appliance.core.injection import Injected
from appliance.core.openapi import error_responses
from appliance.ingest.booth_requests.log import BoothRequests
from appliance.staff.access import AUTH_ERRORS, requires
from appliance.staff.booths.schemas import BoothList

router = APIRouter(prefix="/api/booths", tags=["booths"])

MayRead = Annotated[Principal, Depends(requires("jobs:read"))]


@router.get("/requests", summary="The booths' last requests", responses=error_responses(*AUTH_ERRORS))
async def requests(_: MayRead, kept: Injected[BoothRequests]) -> BoothList:
    """By booth, refused requests too, with what is wrong in words. Kept in memory: a restart forgets them."""
    return BoothList.of(kept.booths())
