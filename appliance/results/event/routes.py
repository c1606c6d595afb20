"""``/api/event``: take everything home, then leave nothing behind."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse

from appliance.accounts.dependencies import AUTH_ERRORS, requires
from appliance.accounts.permissions import Principal
from appliance.core.errors import ErrorCode
from appliance.core.openapi import error_responses
from appliance.results.event.service import Event, WipeReport, WipeRequest
from appliance.results.service import attachment

router = APIRouter(prefix="/api/event", tags=["event"])

_ZIP: dict[int | str, dict[str, Any]] = {
    200: {"description": "The archive", "content": {"application/zip": {}}},
    **error_responses(*AUTH_ERRORS),
}


def _event(request: Request) -> Event:
    event: Event = request.app.state.services.guests.event
    return event


Ending = Annotated[Event, Depends(_event)]


@router.post("/export", summary="Everything as one archive", response_model=None, responses=_ZIP)
async def export(who: Annotated[Principal, Depends(requires("results:read"))], event: Ending) -> Response:
    """Every guest's picture that is there, and `pictures.csv`: file, time, slot, and what the booth sent
    along, names and answers to surveys too. It is packed while it is sent.
    """
    archive = await event.export(who)
    return StreamingResponse(
        archive.chunks,
        media_type="application/zip",
        headers={"Content-Disposition": attachment(archive.name), "Cache-Control": "no-store"},
    )


@router.post(
    "/wipe",
    summary="Remove everything of this event's guests",
    responses=error_responses(*AUTH_ERRORS, ErrorCode.VALIDATION_FAILED),
)
async def wipe(
    who: Annotated[Principal, Depends(requires("settings:write"))], event: Ending, body: WipeRequest
) -> WipeReport:
    """Pictures, kept photos, screen sizes, shared galleries, and every field of a job that says something
    of a guest. Figures for the statistics stay. This cannot be undone.
    """
    return await event.wipe(body, who)
