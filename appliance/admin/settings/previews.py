"""What a setting would do before it is saved: the time to keep pictures, the guests' address, the logo."""

from __future__ import annotations

import uuid
from typing import Any

from fastapi import APIRouter, Response
from pydantic import ValidationError

from appliance.admin.headers import MOUNT
from appliance.admin.render import part
from appliance.admin.security import MayReadSettings, MayWriteMedia, MayWriteSettings, PageContext
from appliance.core.public_base import base_urls_of
from appliance.settings.operator import OperatorSettings
from appliance.staff.settings.address import AddressCheck, Addresses
from appliance.staff.settings.service import OperatorSettingsService
from appliance.staff.template_media.service import TemplateMediaService, TemplateView

router = APIRouter(prefix="/settings")

_HOURS_AT_MOST = 24 * 90


@router.get("/ttl-preview")
async def ttl_preview(context: MayReadSettings, result_ttl_hours: str = "") -> Response:
    """What another time to keep results would do to those that are there."""
    try:
        hours = float(result_ttl_hours.replace(",", "."))
    except ValueError:
        hours = 0
    known = 0 < hours <= _HOURS_AT_MOST
    preview = await context.service(OperatorSettingsService).ttl_preview(hours) if known else None
    return part(context, "_ttl_preview.html", preview=preview)


@router.get("/address")
async def address(context: MayWriteSettings, public_base_url: str = "") -> Response:
    """Whether a guest's phone can use the address that was typed, or the one in force without it."""
    typed = public_base_url.strip()
    check: AddressCheck | None = None
    try:
        OperatorSettings(public_base_url=typed or None)
    except ValidationError:
        pass
    else:
        check = await context.service(Addresses).check(base_urls_of(context.request).guests(typed or None))
    return part(context, "_setting_address.html", check=check, typed=bool(typed))


@router.post("/logo")
async def logo(context: MayWriteSettings) -> Response:
    """The logo's field with another picture in it; nothing is saved."""
    form = await context.form()
    chosen = form.text("event_logo")
    shown = logo_of(await context.service(TemplateMediaService).all(), chosen)
    return part(
        context, "_setting_logo.html", value=chosen if shown else "", logo=shown, error=None, may_write=True
    )


@router.get("/logo/templates")
async def picker(context: MayReadSettings, current: str = "") -> Response:
    """All templates in a dialog, to choose the logo."""
    templates = await context.service(TemplateMediaService).all()
    return part(context, "_picker.html", templates=templates, fresh=None, **picking_logo(context, current))


@router.post("/logo/templates")
async def register(context: MayWriteMedia) -> Response:
    """Take a file in and show the dialog's grid again, the new one first."""
    found = await context.service(TemplateMediaService).register(
        context.request.headers.get("content-type"), context.request.stream(), context.person
    )
    templates = sorted(await context.service(TemplateMediaService).all(), key=lambda one: one.id != found.id)
    return part(
        context, "_picker_grid.html", templates=templates, fresh=found.id, **picking_logo(context, "")
    )


def picking_logo(context: PageContext, current: str) -> dict[str, Any]:
    """What the dialog for a template needs to choose the logo."""
    return {
        "title": context.language.gettext("settings.event_logo.choose"),
        "current": current,
        "uploads": f"{MOUNT}/settings/logo/templates" if context.may("media:write") else None,
        "pick": {
            "url": f"{MOUNT}/settings/logo",
            "name": "event_logo",
            "prefix": "",
            "target": "#event_logo-field",
            "include": "",
        },
    }


def logo_of(templates: list[TemplateView], chosen: str) -> TemplateView | None:
    """The template with the id that a setting or a form names; ``None`` if there is none."""
    try:
        wanted = uuid.UUID(chosen)
    except ValueError:
        return None
    return next((one for one in templates if one.id == wanted), None)
