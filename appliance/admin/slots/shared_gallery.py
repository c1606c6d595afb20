"""The guests' gallery of a slot, from its card: its QR code, or a tap that opens one."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from appliance.admin.dashboard.cards import Dashboard
from appliance.admin.headers import MOUNT
from appliance.admin.render import part
from appliance.admin.security import MayReadResults, MayWriteResults, PageContext
from appliance.guests.links import guest_base
from appliance.staff.shared_galleries.service import SharedGalleryService
from appliance.staff.slots.editor import SlotEditor

router = APIRouter(prefix="/dashboard")

# For how many minutes a gallery may be opened with one tap; 0: until somebody closes it.
MINUTES = (60, 240, 720, 0)


@router.get("/{slot_id}/gallery")
async def dialog(slot_id: str, context: MayReadResults) -> Response:
    """The open gallery that shows the slot's pictures, with its code; else the form that opens one."""
    return part(context, "_slot_gallery.html", **await _values(context, slot_id))


@router.post("/{slot_id}/gallery")
async def open_one(slot_id: str, context: MayWriteResults) -> Response:
    """Open a gallery of the slot, unless one is open that shows its pictures."""
    form = await context.form()
    slot = await context.service(SlotEditor).get(slot_id)
    wanted = form.text("minutes")
    minutes = (float(wanted) or None) if wanted in map(str, MINUTES) else float(MINUTES[0])
    galleries = context.service(SharedGalleryService)
    await galleries.open_for_slot(slot.slot_id, minutes, context.person)
    if not context.is_htmx:
        return context.redirect(f"{MOUNT}/#{slot_id}", "gallery_opened")
    toast = context.language.gettext("notice.gallery_opened")
    return part(context, "_slot_gallery_body.html", toast=toast, **await _values(context, slot_id))


async def _values(context: PageContext, slot_id: str) -> dict[str, Any]:
    return {
        "card": await context.service(Dashboard).card(slot_id),
        "shared": await context.service(SharedGalleryService).open_for(
            slot_id, await guest_base(context.request)
        ),
        "choices": MINUTES,
        "may_open": context.may("results:write"),
    }
