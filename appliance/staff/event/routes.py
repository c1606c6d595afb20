"""``/api/event``: take everything home, then leave nothing behind."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from appliance.core.errors import ErrorCode
from appliance.core.injection import Injected
from appliance.core.openapi import BINARY, error_responses
from appliance.guests.sending import zip_answer
from appliance.staff.access import AUTH_ERRORS, MayReadResults, MayWriteSettings
from appliance.staff.event.schemas import EventState, WipeReport, WipeRequest
from appliance.staff.event.service import Event

router = APIRouter(prefix="/api/event", tags=["event"])

_ZIP: dict[int | str, dict[str, Any]] = {
    200: {"description": "The archive", "content": {"application/zip": BINARY}},
    **error_responses(*AUTH_ERRORS, ErrorCode.STORAGE_FULL),
}

Ending = Injected[Event]


@router.get("", summary="What this appliance holds of the event", responses=error_responses(*AUTH_ERRORS))
async def state(_: MayReadResults, event: Ending) -> EventState:
    """How many pictures there are, and how many of them are in no archive yet."""
    return await event.state()


@router.post("/export", summary="Everything as one archive", response_class=Response, responses=_ZIP)
async def export(who: MayReadResults, event: Ending) -> Response:
    """Every guest's picture that is there, hidden ones in a folder of their own, every kept photo, and
    `pictures.csv`: file, time, slot, and what the booth sent along, names and answers to surveys too.
    It is packed while it is sent; what is in it counts as exported when it was sent whole.
    """
    archive = await event.export(who)
    return zip_answer(archive.name, archive.chunks)


@router.post(
    "/wipe",
    summary="Remove all guest data of this event",
    responses=error_responses(*AUTH_ERRORS, ErrorCode.VALIDATION_FAILED, ErrorCode.EVENT_NOT_EXPORTED),
)
async def wipe(who: MayWriteSettings, event: Ending, body: WipeRequest) -> WipeReport:
    """Pictures, kept photos, screen sizes, shared galleries, and every field of a job that says something
    of a guest. Figures for the statistics stay. This cannot be undone.
    """
    return await event.wipe(body, who)
