"""The end of an event: take everything home, then leave nothing behind."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from appliance.admin.forms import read_form
from appliance.admin.login.headers import MOUNT
from appliance.admin.login.security import Visit, allowed
from appliance.admin.render import page, part
from appliance.core.errors import EventNotExported
from appliance.core.injection import service_of
from appliance.guests.sending import zip_answer
from appliance.staff.event.schemas import CONFIRMATION, WipeReport, WipeRequest
from appliance.staff.event.service import Event

router = APIRouter(prefix="/event")

MayRead = Annotated[Visit, Depends(allowed("results:read"))]
MayWipe = Annotated[Visit, Depends(allowed("settings:write"))]

PAGE = f"{MOUNT}/event"


@router.get("")
async def event_page(request: Request, visiting: MayRead) -> Response:
    """The page."""
    return page(visiting, "event.html", **await _shared(request, visiting))


@router.get("/state")
async def state(request: Request, visiting: MayRead) -> Response:
    """What is here, and what of it is in no archive yet."""
    return part(visiting, "_event_state.html", **await _shared(request, visiting))


@router.post("/export")
async def export(request: Request, visiting: MayRead) -> Response:
    """Everything as one archive."""
    assert visiting.who is not None  # noqa: S101 - the permission saw to it
    archive = await service_of(request, Event).export(visiting.who)
    return zip_answer(archive.name, archive.chunks)


@router.post("/wipe")
async def wipe(request: Request, visiting: MayWipe) -> Response:
    """Remove everything, once somebody has typed that they mean it."""
    assert visiting.who is not None  # noqa: S101 - the permission saw to it
    form = await read_form(request)
    insists = form.checked("even_not_exported")
    typed = form.text("confirm")
    if typed.casefold() != visiting.language.gettext("event.words").casefold():
        return await _answer(request, visiting, 422, typed=typed, wrong="words", insists=insists)
    wanted = WipeRequest(confirm=CONFIRMATION, even_not_exported=insists)
    try:
        report = await service_of(request, Event).wipe(wanted, visiting.who)
    except EventNotExported:
        return await _answer(request, visiting, 409, typed=typed, wrong="not_exported")
    return await _answer(request, visiting, 200, report=report)


async def _answer(request: Request, visiting: Visit, status: int, **changed: Any) -> Response:
    values = await _shared(request, visiting) | changed
    if visiting.is_htmx:
        return part(visiting, "_event.html", status=status, **values)
    return page(visiting, "event.html", status=status, **values)


async def _shared(request: Request, visiting: Visit) -> dict[str, Any]:
    report: WipeReport | None = None
    return {
        "state": await service_of(request, Event).state(),
        "may_wipe": visiting.may("settings:write"),
        "typed": "",
        "wrong": "",
        "insists": False,
        "report": report,
        "event": PAGE,
    }
