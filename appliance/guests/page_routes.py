"""The pages of one guest: the picture, its short link, the visit, the form for a code."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse
from pydantic import Field

from appliance.core.clients import client_address
from appliance.core.clock import utcnow
from appliance.core.errors import ResultNotFound
from appliance.core.images import PNG
from appliance.core.injection import Injected
from appliance.core.sending import stored_file
from appliance.guests.codes import ShortCodes
from appliance.guests.links import visit_path
from appliance.guests.logo import EventLogo
from appliance.guests.pages.render import base_for, page
from appliance.guests.picture_routes import Results, Sizes
from appliance.guests.screen_sizes import ScreenSizes
from appliance.guests.sending import zip_answer
from appliance.guests.service import GuestPicture, LinkState
from appliance.guests.tokens import IDENTITY_PATH, GuestTokens
from appliance.guests.visits import Visits
from appliance.guests.zipping import zipped
from appliance.jobs.links import page_path, public_path
from appliance.settings.recent import RecentSettings

router = APIRouter(include_in_schema=False)

Settings = Injected[RecentSettings]
Code = Annotated[str, Field(max_length=40)]


@router.head("/")
@router.get("/")
async def entrance(request: Request, settings_reader: Settings) -> Response:
    """Where somebody arrives who typed the address: a form for the code, where codes are on."""
    settings = await settings_reader.operator_settings()
    return page(request, settings, "code.html", form=settings.short_links, typed="", wrong=False)


@router.head("/s")
@router.get("/s")
@router.head("/s/{code}")
@router.get("/s/{code}")
async def short_link(
    request: Request, settings_reader: Settings, codes: Injected[ShortCodes], code: Code = ""
) -> Response:
    """A code that was typed. A wrong one and one whose picture has gone look alike."""
    settings = await settings_reader.operator_settings()
    if not settings.short_links:
        raise ResultNotFound
    job_id = await codes.job_of(code, client_address(request))
    if job_id is None:
        return page(request, settings, "code.html", status=404, form=True, typed=code[:14], wrong=True)
    return RedirectResponse(page_path(job_id), 303)


@router.head("/r/{job_id}")
@router.get("/r/{job_id}")
async def picture(
    request: Request,
    job_id: str,
    results: Results,
    screens: Sizes,
    visits: Injected[Visits],
) -> Response:
    """The guest's page, whatever there is to see by now."""
    found = await results.find(job_id)
    if found.state is LinkState.READY:
        return await _picture(request, found, screens, visits)
    if found.state is LinkState.MAKING:
        elapsed = max(0.0, (utcnow() - found.job.created_at).total_seconds())
        typical = max(8.0, found.job.deadline_seconds * 0.6)
        return page(
            request, found.settings, "making.html", elapsed=f"{elapsed:.1f}", typical=f"{typical:.0f}"
        )
    status, kind, sign = {
        LinkState.FAILED: (404, "failed", "cross"),
        LinkState.EXPIRED: (410, "error.gone", "clock"),
        LinkState.DELETED: (410, "deleted", "check"),
    }[found.state]
    return page(request, found.settings, "message.html", status=status, kind=kind, picture=sign)


async def _picture(request: Request, found: GuestPicture, screens: ScreenSizes, visits: Visits) -> Response:
    (width, height), visit = await asyncio.gather(
        screens.size(found.key), visits.visit_of(found.job, found.settings)
    )
    original = public_path(found.job.job_id)
    base = base_for(request, found.settings)
    values: dict[str, Any] = {
        "base": base,
        "preview": f"{original}/preview",
        "before": f"{original}/before" if found.job.source_key else None,
        "original": original,
        "name": found.name,
        "width": width,
        "height": height,
        "until": found.expires_at,
        "visit": {"path": visit_path(visit[0]), "count": visit[1]} if visit else None,
        "signed": found.settings.shows_ai_sign and found.job.by_ai,
        "deletable": found.settings.guests_may_delete,
        "back": None,
    }
    return page(request, found.settings, "picture.html", kept=True, **values)


@router.get("/r/{job_id}/state")
async def state(job_id: str, results: Results) -> JSONResponse:
    """What the page of a picture that is being made asks again and again."""
    found = await results.find(job_id)
    return JSONResponse({"state": found.state})


@router.get("/r/{job_id}/delete")
async def ask_to_delete(request: Request, job_id: str, results: Results) -> Response:
    """Does the guest mean it?"""
    found = await results.ready(job_id)
    if not found.settings.guests_may_delete:
        raise ResultNotFound
    return page(
        request,
        found.settings,
        "confirm.html",
        preview=f"{public_path(job_id)}/preview",
        back=page_path(job_id),
    )


@router.post("/r/{job_id}/delete")
async def delete(job_id: str, results: Results) -> Response:
    """The guest means it."""
    await results.delete(job_id)
    return RedirectResponse(page_path(job_id), 303)


@router.head("/e/{token}")
@router.get("/e/{token}")
async def visit(request: Request, token: str, visits: Injected[Visits]) -> Response:
    """All pictures of a visit."""
    found = await visits.pictures(token)
    signed = {job.job_id for job in found.jobs if job.by_ai} if found.settings.shows_ai_sign else set()
    pictures = [job.job_id for job in found.jobs]
    return page(request, found.settings, "visit.html", kept=True, pictures=pictures, signed=signed)


@router.get("/e/{token}/pictures.zip")
async def visit_archive(token: str, visits: Injected[Visits]) -> Response:
    """All pictures of a visit as one file."""
    name, entries = await visits.archive(token)
    return zip_answer(name, zipped(entries))


@router.head("/public/event/logo")
@router.get("/public/event/logo")
async def logo(event_logo: Injected[EventLogo]) -> Response:
    """The event's logo, small."""
    key = await event_logo.key()
    return stored_file(key, PNG.media_type, cache="public, max-age=300")


@router.get(IDENTITY_PATH)
async def identity(tokens: Injected[GuestTokens]) -> Response:
    """Says which appliance this is, so that a wrong base of guests' links can be told from the right one."""
    return PlainTextResponse(tokens.identity)
