"""``/api/preflight``: everything that an evening needs, tried once."""

from __future__ import annotations

from fastapi import APIRouter, Request

from appliance.accounts.permissions import Principal
from appliance.core.errors import ErrorCode
from appliance.core.injection import Injected
from appliance.core.openapi import error_responses
from appliance.guests.links import guest_base
from appliance.staff.access import AUTH_ERRORS, MayReadSlots, MayTestSlots, language_of
from appliance.staff.preflight.schemas import PreflightRequest, PreflightState, run_view
from appliance.staff.preflight.service import PreflightService

router = APIRouter(prefix="/api/preflight", tags=["preflight"])


@router.get("", summary="The last pre-flight", responses=error_responses(*AUTH_ERRORS))
async def preflight(
    request: Request,
    _: MayReadSlots,
    service: Injected[PreflightService],
) -> PreflightState:
    """The newest one, with what it has found so far while it runs, and the newest that is whole."""
    return await _state(request, service)


@router.post(
    "",
    status_code=202,
    summary="Start a pre-flight",
    responses=error_responses(*AUTH_ERRORS, ErrorCode.VALIDATION_FAILED),
)
async def start(
    request: Request,
    who: MayTestSlots,
    service: Injected[PreflightService],
    asked: PreflightRequest | None = None,
) -> PreflightState:
    """One at a time: while one runs, it is joined, and `paid` counts for nothing."""
    paid = asked is not None and asked.paid
    await service.ask(by=who.username, paid=paid, base=await base_for(request, who))
    return await _state(request, service)


async def base_for(request: Request, who: Principal) -> str | None:
    """What guests' links begin with, as ``who`` is answered. Who may not set that does not have the app knock
    at an address and port of a made-up ``Host``.
    """
    return await guest_base(request) if who.may("settings:write") else None


async def _state(request: Request, service: PreflightService) -> PreflightState:
    lang, found = language_of(request), await service.state()
    return PreflightState(newest=run_view(found.newest, lang), whole=run_view(found.whole, lang))
