"""The end of an event: take everything home, then leave nothing behind."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from appliance.admin.headers import MOUNT
from appliance.admin.render import page, part
from appliance.admin.security import MayReadResults, MayWriteSettings, PageContext
from appliance.core.errors import EventNotExported
from appliance.guests.sending import zip_answer
from appliance.staff.event.schemas import CONFIRMATION, WipeReport, WipeRequest
from appliance.staff.event.service import Event

router = APIRouter(prefix="/event")

PAGE = f"{MOUNT}/event"


@router.get("")
async def event_page(context: MayReadResults) -> Response:
    """The page."""
    return page(context, "event.html", **await _shared(context))


@router.get("/state")
async def state(context: MayReadResults) -> Response:
    """What is here, and what of it is in no archive yet."""
    return part(context, "_event_state.html", **await _shared(context))


@router.post("/export")
async def export(context: MayReadResults) -> Response:
    """Everything as one archive."""
    archive = await context.service(Event).export(context.person)
    return zip_answer(archive.name, archive.chunks)


@router.post("/wipe")
async def wipe(context: MayWriteSettings) -> Response:
    """Remove everything, once somebody has typed that they mean it."""
    form = await context.form()
    insists = form.checked("even_not_exported")
    typed = form.text("confirm")
    if _plain(typed) != _plain(context.language.gettext("event.words")):
        return await _answer(context, 422, typed=typed, wrong="words", insists=insists)
    wanted = WipeRequest(confirm=CONFIRMATION, even_not_exported=insists)
    try:
        report = await context.service(Event).wipe(wanted, context.person)
    except EventNotExported:
        return await _answer(context, 409, typed=typed, wrong="not_exported")
    return await _answer(context, 200, report=report)


def _plain(words: str) -> str:
    """Words as they are compared: most people type a Russian ё as е."""
    return " ".join(words.casefold().split()).replace("ё", "е")


async def _answer(context: PageContext, status: int, **changed: Any) -> Response:
    values = await _shared(context) | changed
    if context.is_htmx:
        return part(context, "_event.html", status=status, **values)
    return page(context, "event.html", status=status, **values)


async def _shared(context: PageContext) -> dict[str, Any]:
    report: WipeReport | None = None
    return {
        "state": await context.service(Event).state(),
        "may_wipe": context.may("settings:write"),
        "typed": "",
        "wrong": "",
        "insists": False,
        "report": report,
        "event": PAGE,
    }
