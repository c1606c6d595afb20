"""'Use it in all slots': another model where one has ended or will, with what is lost named first."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from appliance.admin.forms import read_form
from appliance.admin.headers import MOUNT
from appliance.admin.render import page, part
from appliance.admin.security import MayWriteSlots
from appliance.admin.slots.history import label_of, shown
from appliance.core.injection import Injected
from appliance.staff.providers.catalogue import ProviderCatalogue
from appliance.staff.slots.editor import SlotEditor
from appliance.staff.slots.model_change import LostParameter, ModelChangeRequest, ModelChanges

router = APIRouter()


@router.post("/model-change")
async def change(
    request: Request,
    context: MayWriteSlots,
    changes: Injected[ModelChanges],
    catalogue: Injected[ProviderCatalogue],
    editor: Injected[SlotEditor],
) -> Response:
    """Give all slots the other model at once, or ask first where something cannot be carried over."""
    form, words = await read_form(request), context.language
    wanted = ModelChangeRequest(
        provider=form.text("provider")[:32],
        model=form.text("model")[:80],
        by=form.text("by")[:80],
        accept=form.text("accept") == "yes",
    )
    planned = await changes.look(wanted)
    if not planned.changed or (not planned.clean and not wanted.accept):
        slots = {slot.slot_id: slot for slot in await editor.all()}
        known = await catalogue.all()

        def label(slot_id: str, one: LostParameter) -> str:
            return label_of(
                words, one.field.rpartition("fallbacks.")[2].lstrip("0123456789."), known, slots[slot_id]
            )

        values: dict[str, Any] = {
            "wanted": wanted,
            "planned": planned,
            "label": label,
            "shown": lambda v: shown(words, "", v),
        }
        if context.is_htmx:
            return part(context, "_model_change.html", **values)
        return page(context, "model_change.html", **values)
    await changes.make(wanted, context.person)
    context.notice("model_changed")
    if not context.is_htmx:
        return RedirectResponse(f"{MOUNT}/", 303)
    return Response(headers={"HX-Refresh": "true"})
