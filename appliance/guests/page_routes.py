"""The pages of one guest: the picture, its short link, the visit, the form for a code."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse
from pydantic import Field

from appliance.core.clients import client_address
from appliance.core.clock import utcnow
from appliance.core.errors import ResultNotFound
from appliance.core.sending import stored_file
from appliance.guests.guests import GuestPages
from appliance.guests.links import visit_path
from appliance.guests.pages.render import base_for, page
from appliance.guests.picture_routes import Guests
from appliance.guests.sending import NOINDEX, zip_answer
from appliance.guests.service import Found, State
from appliance.guests.tokens import IDENTITY_PATH
from appliance.guests.zipping import zipped
from appliance.jobs.links import page_path, public_path

router = APIRouter(include_in_schema=False)

Code = Annotated[str, Field(max_length=40)]


@router.get("/")
async def entrance(request: Request, guests: Guests) -> Response:
    """Where somebody arrives who typed the address: a form for the code, where codes are on."""
    settings = await guests.settings()
    return page(request, settings, "code.html", form=settings.short_links, typed="", wrong=False)


@router.get("/s")
@router.get("/s/{code}")
async def short_link(request: Request, guests: Guests, code: Code = "") -> Response:
    """A code that was typed. A wrong one and one whose picture has gone look alike."""
    settings = await guests.settings()
    if not settings.short_links:
        raise ResultNotFound
    job_id = await guests.codes.job_of(code, client_address(request))
    if job_id is None:
        return page(request, settings, "code.html", status=404, form=True, typed=code[:14], wrong=True)
    return RedirectResponse(page_path(job_id), 303, headers={"Cache-Control": "no-store", **NOINDEX})


@router.get("/r/{job_id}")
async def picture(request: Request, job_id: str, guests: Guests) -> Response:
    """The guest's page, whatever there is to see by now."""
    found = await guests.results.find(job_id)
    if found.state is State.READY:
        return await _picture(request, found, guests)
    if found.state is State.MAKING:
        elapsed = max(0.0, (utcnow() - found.job.created_at).total_seconds())
        typical = max(8.0, found.job.deadline_seconds * 0.6)
        return page(
            request, found.settings, "making.html", elapsed=f"{elapsed:.1f}", typical=f"{typical:.0f}"
        )
    status, kind, sign = {
        State.FAILED: (404, "failed", "cross"),
        State.EXPIRED: (410, "error.gone", "clock"),
        State.DELETED: (410, "deleted", "check"),
    }[found.state]
    return page(request, found.settings, "message.html", status=status, kind=kind, picture=sign)


async def _picture(request: Request, found: Found, guests: GuestPages) -> Response:
    facts = await guests.facts(found)
    original = public_path(found.job.job_id)
    base = base_for(request, found.settings)
    values: dict[str, Any] = {
        "base": base,
        "preview": f"{original}/preview",
        "before": f"{original}/before" if found.job.source_key else None,
        "original": original,
        "name": found.name,
        "width": facts.width,
        "height": facts.height,
        "until": found.expires_at,
        "visit": {"path": visit_path(facts.visit[0]), "count": facts.visit[1]} if facts.visit else None,
        "deletable": found.settings.guests_may_delete,
        "back": None,
    }
    return page(request, found.settings, "picture.html", **values)


@router.get("/r/{job_id}/state")
async def state(job_id: str, guests: Guests) -> JSONResponse:
    """What the page of a picture that is being made asks again and again."""
    found = await guests.results.find(job_id)
    return JSONResponse({"state": found.state}, headers={"Cache-Control": "no-store"})


@router.get("/r/{job_id}/delete")
async def ask_to_delete(request: Request, job_id: str, guests: Guests) -> Response:
    """Does the guest mean it?"""
    found = await guests.results.ready(job_id)
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
async def delete(job_id: str, guests: Guests) -> Response:
    """The guest means it."""
    await guests.results.delete(job_id)
    return RedirectResponse(page_path(job_id), 303)


@router.get("/e/{token}")
async def visit(request: Request, token: str, guests: Guests) -> Response:
    """All pictures of a visit."""
    found = await guests.visits.pictures(token)
    return page(request, found.settings, "visit.html", pictures=[job.job_id for job in found.jobs])


@router.get("/e/{token}/pictures.zip")
async def visit_archive(token: str, guests: Guests) -> Response:
    """All pictures of a visit as one file."""
    name, entries = await guests.visit_archive(token)
    return zip_answer(name, zipped(entries))


@router.get("/public/event/logo")
async def logo(guests: Guests) -> Response:
    """The event's logo, small."""
    key = await guests.logo()
    return stored_file(key, "image/png", cache="public, max-age=300")


@router.get(IDENTITY_PATH)
async def identity(guests: Guests) -> Response:
    """Says which appliance this is, so that a wrong base of guests' links can be told from the right one."""
    return PlainTextResponse(guests.identity, headers={"Cache-Control": "no-store", **NOINDEX})
