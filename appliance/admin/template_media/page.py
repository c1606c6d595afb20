"""The templates page (UC5), and picking a template for a slot."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from appliance.admin.forms import read_form
from appliance.admin.login.headers import MOUNT
from appliance.admin.login.security import Visit, allowed
from appliance.admin.render import html, page, part
from appliance.admin.slots.page import number_of
from appliance.admin.slots.view import named
from appliance.core.errors import TemplateMediaInUse
from appliance.core.injection import service_of
from appliance.core.sending import stored_file
from appliance.core.validation import field_messages
from appliance.media import previews
from appliance.staff.slots.editor import SlotEditor
from appliance.staff.template_media.service import Rename, TemplateMediaService

router = APIRouter()

MayRead = Annotated[Visit, Depends(allowed("media:read"))]
MayWrite = Annotated[Visit, Depends(allowed("media:write"))]

PAGE = f"{MOUNT}/templates"


@router.get("/templates")
async def templates_page(request: Request, visiting: MayRead) -> Response:
    """Every template, by name."""
    found = await service_of(request, TemplateMediaService).all()
    return page(visiting, "media.html", templates=found, **_shared(visiting))


@router.post("/templates")
async def register(request: Request, visiting: MayWrite) -> Response:
    """Take one file in; the same bytes a second time lead to the template that is there."""
    assert visiting.who is not None  # noqa: S101 - the permission saw to it
    found = await service_of(request, TemplateMediaService).register(
        request.headers.get("content-type"), request.stream(), visiting.who
    )
    toast = visiting.language.gettext("media.known" if found.duplicate else "media.added", name=found.name)
    everything = await service_of(request, TemplateMediaService).all()
    return part(
        visiting, "_media_list.html", toast=toast, templates=everything, fresh=found.id, **_shared(visiting)
    )


@router.get("/templates/{media_id}/preview")
async def preview(media_id: uuid.UUID, request: Request, _: MayRead) -> Response:
    """320 pixels on the longer side; made once."""
    key = await service_of(request, TemplateMediaService).preview(media_id)
    return stored_file(key, previews.MEDIA_TYPE, cache="private, max-age=86400")


@router.get("/templates/{media_id}")
async def template(media_id: uuid.UUID, request: Request, visiting: MayRead, edit: str = "") -> Response:
    """One card, or the form for its name."""
    found = await service_of(request, TemplateMediaService).get(media_id)
    values: dict[str, Any] = {"template": found, "fresh": None, "error": None, **_shared(visiting)}
    if not visiting.is_htmx:
        return RedirectResponse(f"{PAGE}#t-{media_id}", 303)
    return part(visiting, "_media_rename.html" if edit else "_media.html", **values)


@router.post("/templates/{media_id}/rename")
async def rename(media_id: uuid.UUID, request: Request, visiting: MayWrite) -> Response:
    """Give a template another name."""
    assert visiting.who is not None  # noqa: S101 - the permission saw to it
    name = (await read_form(request)).get("name", "")
    try:
        wanted = Rename(name=name)
    except ValidationError as refused:
        error = field_messages(refused)["name"]
        values: dict[str, Any] = {
            "template": await service_of(request, TemplateMediaService).get(media_id),
            "fresh": None,
            "typed": name,
        }
        return part(visiting, "_media_rename.html", status=422, error=error, **values, **_shared(visiting))
    found = await service_of(request, TemplateMediaService).rename(media_id, wanted.name, visiting.who)
    if not visiting.is_htmx:
        return RedirectResponse(PAGE, 303)
    toast = visiting.language.gettext("media.renamed", name=found.name)
    return part(visiting, "_media.html", toast=toast, template=found, fresh=None, **_shared(visiting))


@router.post("/templates/{media_id}/delete")
async def remove(media_id: uuid.UUID, request: Request, visiting: MayWrite) -> Response:
    """Delete a template; while slots use it, they are named instead."""
    assert visiting.who is not None  # noqa: S101 - the permission saw to it
    found = await service_of(request, TemplateMediaService).get(media_id)
    try:
        await service_of(request, TemplateMediaService).remove(media_id, visiting.who)
    except TemplateMediaInUse as refused:
        if not visiting.is_htmx:
            raise
        used = {
            "in_use": refused.extra["slots"],
            "template": await service_of(request, TemplateMediaService).get(media_id),
        }
        return part(visiting, "_media.html", status=409, fresh=None, **used, **_shared(visiting))
    if not visiting.is_htmx:
        visiting.notice("template_deleted")
        return RedirectResponse(PAGE, 303)
    left = await service_of(request, TemplateMediaService).all()
    toast = visiting.language.gettext("media.deleted", name=found.name)
    return part(visiting, "_media_list.html", toast=toast, templates=left, fresh=None, **_shared(visiting))


@router.get("/slots/{slot_id}/templates/{role}")
async def picker(slot_id: str, role: str, request: Request, visiting: MayRead, current: str = "") -> Response:
    """All templates in a dialog, to choose one for a role."""
    slot = await service_of(request, SlotEditor).get(slot_id)
    found = await service_of(request, TemplateMediaService).all()
    return part(
        visiting,
        "_picker.html",
        fresh=None,
        **_picking(visiting, slot.slot_id, role, current),
        templates=found,
    )


@router.post("/slots/{slot_id}/templates/{role}")
async def register_for(slot_id: str, role: str, request: Request, visiting: MayWrite) -> Response:
    """Take a file in and show the dialog's grid again, the new one first."""
    assert visiting.who is not None  # noqa: S101 - the permission saw to it
    slot = await service_of(request, SlotEditor).get(slot_id)
    found = await service_of(request, TemplateMediaService).register(
        request.headers.get("content-type"), request.stream(), visiting.who
    )
    everything = sorted(
        await service_of(request, TemplateMediaService).all(), key=lambda one: one.id != found.id
    )
    values = _picking(visiting, slot.slot_id, role, "")
    grid = html(visiting, "_picker_grid.html", **values, templates=everything, fresh=found.id)
    return Response(grid, media_type="text/html")


def _picking(visiting: Visit, slot_id: str, role: str, current: str) -> dict[str, Any]:
    name = named(visiting.language, "template_role", role[:32])
    own = f"{MOUNT}/slots/{slot_id}"
    return {
        "title": visiting.language.gettext("slot.choose_for", role=name),
        "current": current,
        "uploads": f"{own}/templates/{role[:32]}" if visiting.may("media:write") else None,
        "pick": {
            "url": f"{own}/form",
            "name": "do",
            "prefix": f"media:{role[:32]}:",
            "target": "#slot-sheets",
            "include": "#slot-form",
        },
    }


def _shared(visiting: Visit) -> dict[str, Any]:
    return {
        "may_write": visiting.may("media:write"),
        "may_slots": visiting.may("slots:read"),
        "number_of": number_of,
        "named": lambda kind, name: named(visiting.language, kind, name),
    }
