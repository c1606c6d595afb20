"""``/api/booths``: what booths sent, as it arrived."""

from __future__ import annotations

from fastapi import APIRouter, Request

from appliance.core.errors import ErrorCode
from appliance.core.injection import Injected
from appliance.core.openapi import error_responses
from appliance.core.public_base import base_urls_of
from appliance.staff.access import AUTH_ERRORS, MayReadJobs, MayTestSlots
from appliance.staff.booths.everywhere import AllBooths
from appliance.staff.booths.schemas import BoothList, NewSimulation, SimulationView
from appliance.staff.booths.simulator import BoothSimulator

router = APIRouter(prefix="/api/booths", tags=["booths"])


@router.get("/requests", summary="The booths' last requests", responses=error_responses(*AUTH_ERRORS))
async def requests(who: MayReadJobs, kept: Injected[AllBooths]) -> BoothList:
    """By booth, refused requests too, with what is wrong in words. Kept in memory: a restart forgets them.
    What guests typed is only for those who may see results.
    """
    return BoothList.of(await kept.booths(), with_values=who.may("results:read"))


@router.post(
    "/simulations",
    summary="Simulate a booth",
    responses=error_responses(
        *AUTH_ERRORS, ErrorCode.SLOT_NOT_FOUND, ErrorCode.VALIDATION_FAILED, ErrorCode.RATE_LIMITED
    ),
)
async def simulate(
    request: Request, who: MayTestSlots, simulator: Injected[BoothSimulator], body: NewSimulation
) -> SimulationView:
    """Posts what a booth's program sends, with our own sample photo, by the front door, and answers with what
    the booth would show. The photo goes along the whole line: a slot with a paid provider is charged for
    it. The job is a test: guests do not see it.
    """
    made = simulator.begin(body.program, body.slot_id, base_urls_of(request).guests(None), who)
    await simulator.finished(made)
    return SimulationView.model_validate(made)
