"""The guests' gallery of a slot, from its card: its QR code, or a tap that opens one."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from appliance.admin.dashboard.cards import Dashboard
from appliance.admin.forms import read_form
from appliance.admin.headers import MOUNT
from appliance.admin.render import part
from appliance.admin.security import MayReadResults, MayWriteResults, PageContext
from appliance.core.injection import service_of
from appliance.guests.links import guest_base
from appliance.staff.shared_galleries.service import SharedGalleryService
from appliance.staff.slots.editor import SlotEditor

router = APIRouter(prefix="/dashboard")

# For how many minutes a gallery may be opened with one tap; 0: until somebody closes it.
MINUTES = (60, 240, 720, 0)


@router.get("/{slot_id}/gallery")
async def dialog(slot_id: str, request: Request, context: MayReadResults) -> Response:
    """The open gallery that shows the slot's pictures, with its code; else the form that opens one."""
    return part(context, "_slot_gallery.html", **await _values(slot_id, request, context))


@router.post("/{slot_id}/gallery")
async def open_one(slot_id: str, request: Request, context: MayWriteResults) -> Response:
    """Open a gallery of the slot, unless one is open that shows its pictures."""
    form = await read_form(request)
    slot = await service_of(request, SlotEditor).get(slot_id)
    wanted = form.text("minutes")
    minutes = (float(wanted) or None) if wanted in map(str, MINUTES) else float(MINUTES[0])
    galleries = service_of(request, SharedGalleryService)
    await galleries.open_for_slot(slot.slot_id, minutes, context.person)
    if not context.is_htmx:
        context.notice("gallery_opened")
        return RedirectResponse(f"{MOUNT}/#{slot_id}", 303)
    toast = context.language.gettext("notice.gallery_opened")
    return part(context, "_slot_gallery_body.html", toast=toast, **await _values(slot_id, request, context))


async def _values(slot_id: str, request: Request, context: PageContext) -> dict[str, Any]:
    return {
        "card": await service_of(request, Dashboard).card(slot_id),
        "shared": await service_of(request, SharedGalleryService).open_for(
            slot_id, await guest_base(request)
        ),
        "choices": MINUTES,
        "may_open": context.may("results:write"),
    }
