"""'Use it in all slots': another model where one has ended or will, with what is lost named first."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from appliance.admin.headers import MOUNT
from appliance.admin.render import page, part
from appliance.admin.security import MayWriteSlots
from appliance.admin.slots.history import label_of, shown
from appliance.staff.providers.catalogue import ProviderCatalogue
from appliance.staff.slots.editor import SlotEditor
from appliance.staff.slots.model_change import LostParameter, ModelChangeRequest, ModelChanges

router = APIRouter()


@router.post("/model-change")
async def change(context: MayWriteSlots) -> Response:
    """Give all slots the other model at once, or ask first where something cannot be carried over."""
    form, words = await context.form(), context.language
    wanted = ModelChangeRequest(
        provider=form.text("provider")[:32],
        model=form.text("model")[:80],
        by=form.text("by")[:80],
        accept=form.text("accept") == "yes",
    )
    changes = context.service(ModelChanges)
    planned = await changes.look(wanted)
    if not planned.changed or (not planned.clean and not wanted.accept):
        slots = {slot.slot_id: slot for slot in await context.service(SlotEditor).all()}
        known = await context.service(ProviderCatalogue).all()

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
    return Response(headers={"HX-Refresh": "true"}) if context.is_htmx else context.redirect(f"{MOUNT}/")
