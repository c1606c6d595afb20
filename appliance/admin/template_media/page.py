"""The templates page (UC5), and picking a template for a slot."""

from __future__ import annotations

import uuid
from typing import Any

from fastapi import APIRouter, Response

from appliance.admin.headers import MOUNT
from appliance.admin.naming import named
from appliance.admin.render import html, page, part
from appliance.admin.security import MayReadMedia, MayWriteMedia, PageContext
from appliance.core.errors import TemplateMediaInUse, ValidationFailed
from appliance.core.sending import stored_file
from appliance.core.validation import parsed
from appliance.media import previews
from appliance.slots.schemas import number_of
from appliance.staff.slots.editor import SlotEditor
from appliance.staff.template_media.service import Rename, TemplateMediaService

router = APIRouter()

PAGE = f"{MOUNT}/templates"


@router.get("/templates")
async def templates_page(context: MayReadMedia) -> Response:
    """Every template, by name."""
    found = await context.service(TemplateMediaService).all()
    return page(context, "media.html", templates=found, **_shared(context))


@router.post("/templates")
async def register(context: MayWriteMedia) -> Response:
    """Take one file in; the same bytes a second time lead to the template that is there."""
    found = await context.service(TemplateMediaService).register(
        context.request.headers.get("content-type"), context.request.stream(), context.person
    )
    toast = context.language.gettext("media.known" if found.duplicate else "media.added", name=found.name)
    everything = await context.service(TemplateMediaService).all()
    return part(
        context, "_media_list.html", toast=toast, templates=everything, fresh=found.id, **_shared(context)
    )


@router.get("/templates/{media_id}/preview")
async def preview(media_id: uuid.UUID, context: MayReadMedia) -> Response:
    """320 pixels on the longer side; made once."""
    key = await context.service(TemplateMediaService).preview(media_id)
    return stored_file(key, previews.TYPE.media_type, cache="private, max-age=86400")


@router.get("/templates/{media_id}")
async def template(media_id: uuid.UUID, context: MayReadMedia, edit: str = "") -> Response:
    """One card, or the form for its name."""
    found = await context.service(TemplateMediaService).get(media_id)
    values: dict[str, Any] = {"template": found, "fresh": None, "error": None, **_shared(context)}
    if not context.is_htmx:
        return context.redirect(f"{PAGE}#t-{media_id}")
    return part(context, "_media_rename.html" if edit else "_media.html", **values)


@router.post("/templates/{media_id}/rename")
async def rename(media_id: uuid.UUID, context: MayWriteMedia) -> Response:
    """Give a template another name."""
    name = (await context.form()).get("name", "")
    try:
        wanted = parsed(Rename, {"name": name})
    except ValidationFailed as refused:
        error = (refused.fields or {})["name"]
        values: dict[str, Any] = {
            "template": await context.service(TemplateMediaService).get(media_id),
            "fresh": None,
            "typed": name,
        }
        return part(context, "_media_rename.html", status=422, error=error, **values, **_shared(context))
    found = await context.service(TemplateMediaService).rename(media_id, wanted.name, context.person)
    if not context.is_htmx:
        return context.redirect(PAGE)
    toast = context.language.gettext("media.renamed", name=found.name)
    return part(context, "_media.html", toast=toast, template=found, fresh=None, **_shared(context))


@router.post("/templates/{media_id}/delete")
async def remove(media_id: uuid.UUID, context: MayWriteMedia) -> Response:
    """Delete a template; while slots use it, they are named instead."""
    found = await context.service(TemplateMediaService).get(media_id)
    try:
        await context.service(TemplateMediaService).remove(media_id, context.person)
    except TemplateMediaInUse as refused:
        if not context.is_htmx:
            raise
        used = {
            "in_use": refused.extra["slots"],
            "template": await context.service(TemplateMediaService).get(media_id),
        }
        return part(context, "_media.html", status=409, fresh=None, **used, **_shared(context))
    if not context.is_htmx:
        return context.redirect(PAGE, "template_deleted")
    left = await context.service(TemplateMediaService).all()
    toast = context.language.gettext("media.deleted", name=found.name)
    return part(context, "_media_list.html", toast=toast, templates=left, fresh=None, **_shared(context))


@router.get("/slots/{slot_id}/templates/{role}")
async def picker(slot_id: str, role: str, context: MayReadMedia, current: str = "") -> Response:
    """All templates in a dialog, to choose one for a role."""
    slot = await context.service(SlotEditor).get(slot_id)
    found = await context.service(TemplateMediaService).all()
    return part(
        context,
        "_picker.html",
        fresh=None,
        **_picking(context, slot.slot_id, role, current),
        templates=found,
    )


@router.post("/slots/{slot_id}/templates/{role}")
async def register_for(slot_id: str, role: str, context: MayWriteMedia) -> Response:
    """Take a file in and show the dialog's grid again, the new one first."""
    slot = await context.service(SlotEditor).get(slot_id)
    found = await context.service(TemplateMediaService).register(
        context.request.headers.get("content-type"), context.request.stream(), context.person
    )
    everything = sorted(await context.service(TemplateMediaService).all(), key=lambda one: one.id != found.id)
    values = _picking(context, slot.slot_id, role, "")
    grid = html(context, "_picker_grid.html", **values, templates=everything, fresh=found.id)
    return Response(grid, media_type="text/html")


def _picking(context: PageContext, slot_id: str, role: str, current: str) -> dict[str, Any]:
    name = named(context.language, "template_role", role[:32])
    own = f"{MOUNT}/slots/{slot_id}"
    return {
        "title": context.language.gettext("slot.choose_for", role=name),
        "current": current,
        "uploads": f"{own}/templates/{role[:32]}" if context.may("media:write") else None,
        "pick": {
            "url": f"{own}/form",
            "name": "do",
            "prefix": f"media:{role[:32]}:",
            "target": "#slot-sheets",
            "include": "#slot-form",
        },
    }


def _shared(context: PageContext) -> dict[str, Any]:
    return {
        "may_write": context.may("media:write"),
        "may_slots": context.may("slots:read"),
        "number_of": number_of,
        "named": lambda kind, name: named(context.language, kind, name),
    }
