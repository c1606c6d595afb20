"""The slots page and the slot editor (UC1)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Response

from appliance.admin.dashboard.cards import Dashboard
from appliance.admin.headers import MOUNT
from appliance.admin.naming import named
from appliance.admin.render import page, part
from appliance.admin.security import MayReadSlots, MayWriteSlots, PageContext
from appliance.admin.slots.draft import Draft, apply_action, draft_from, draft_of, values_of
from appliance.admin.slots.history import shown_changes
from appliance.admin.slots.looks import with_look
from appliance.admin.slots.view import REPLIES, editor_of
from appliance.core.errors import ValidationFailed, VersionConflict
from appliance.core.public_base import base_urls_of
from appliance.core.validation import parsed
from appliance.slots.schemas import SLOT_IDS, number_of
from appliance.staff.providers.catalogue import ProviderCatalogue, ProviderList
from appliance.staff.settings.service import OperatorSettingsService
from appliance.staff.slots.editor import SlotEditor
from appliance.staff.slots.views import SlotUpdate, SlotView
from appliance.staff.stats.schemas import Cause
from appliance.staff.template_media.service import TemplateMediaService

router = APIRouter(prefix="/slots")

PAGE = f"{MOUNT}/slots"
SIZES = ("1200x1800", "1800x1200", "1500x2100", "1800x2400", "1800x1800", "1080x1350", "1080x1920")


@router.get("")
async def slots_page(context: MayReadSlots) -> Response:
    """All slots in order, with what each makes of a photo."""
    states = {card.slot_id: card for card in await context.service(Dashboard).cards()}
    return page(
        context,
        "slots.html",
        slots=[(slot, states.get(slot.slot_id)) for slot in await context.service(SlotEditor).all()],
        named=lambda kind, name: named(context.language, kind, name),
        number_of=number_of,
    )


@router.get("/{slot_id}")
async def editor_page(slot_id: str, context: MayReadSlots) -> Response:
    """The editor with what is saved."""
    slot, catalogue = await _slot_and_catalogue(context, slot_id)
    return await _page(context, await _values(context, slot, catalogue))


@router.post("/{slot_id}/form")
async def reshape(slot_id: str, context: MayReadSlots) -> Response:
    """The form for another provider or operation, with another fallback, look or template; unsaved."""
    form = await context.form()
    slot, catalogue = await _slot_and_catalogue(context, slot_id)
    verb, _, look = form.text("do").partition(":")
    draft = draft_from(form, catalogue)
    if verb == "look":
        draft = with_look(draft, look, catalogue, context.language.code)
    else:
        draft = apply_action(draft, form.text("do"), catalogue)
    found = await _findings(context, slot, draft, catalogue)
    values = await _values(context, slot, catalogue, draft=draft, fields=found)
    if not context.is_htmx:
        return await _page(context, values)
    return part(context, "_slot_sheets.html", **values | {"oob": True})


@router.post("/{slot_id}/check")
async def check(slot_id: str, context: MayReadSlots) -> Response:
    """What is wrong with what was typed, beside each input; nothing is saved."""
    form = await context.form()
    slot, catalogue = await _slot_and_catalogue(context, slot_id)
    draft = draft_from(form, catalogue)
    found = await _findings(context, slot, draft, catalogue)
    values = await _values(context, slot, catalogue, draft=draft, fields=found)
    return part(context, "_slot_findings.html", **values | {"oob": True})


@router.post("/{slot_id}/config")
async def config(slot_id: str, context: MayReadSlots) -> Response:
    """What was typed, as a test run takes it."""
    form = await context.form()
    slot, catalogue = await _slot_and_catalogue(context, slot_id)
    return Response(
        json.dumps(values_of(draft_from(form, catalogue), catalogue, slot)), media_type="application/json"
    )


@router.post("/{slot_id}")
async def save(slot_id: str, context: MayWriteSlots) -> Response:
    """Save all of it or nothing.

    What somebody else changed in between is shown, not overwritten, and what was typed stays.
    """
    form = await context.form()
    slot, catalogue = await _slot_and_catalogue(context, slot_id)
    draft = draft_from(form, catalogue)
    try:
        update = parsed(SlotUpdate, values_of(draft, catalogue, slot))
        saved = await context.service(SlotEditor).save(slot_id, update, context.person, version=draft.version)
    except ValidationFailed as refused:
        values = await _values(context, slot, catalogue, draft=draft, fields=refused.fields)
        return await _answer(context, 422, values)
    except VersionConflict as refused:
        current = refused.extra["current"]
        changes = shown_changes(context.language, current["changes"], catalogue, slot)
        conflict = {"who": current["updated_by"], "changes": changes}
        values = await _values(context, slot, catalogue, draft=draft) | {"conflict": conflict}
        return await _answer(context, 409, values)
    if not context.is_htmx:
        return context.redirect(f"{PAGE}/{slot_id}", "slot_saved")
    toast = context.language.gettext("slot.saved", slot=f"{number_of(slot_id)} {saved.display_name}")
    values = await _values(context, saved, catalogue)
    return await _answer(context, 200, values, toast=toast)


async def _slot_and_catalogue(context: PageContext, slot_id: str) -> tuple[SlotView, ProviderList]:
    """Both are asked for once in a request."""
    slot = await context.service(SlotEditor).get(slot_id)
    return slot, await context.service(ProviderCatalogue).all()


async def _findings(
    context: PageContext, slot: SlotView, draft: Draft, catalogue: ProviderList
) -> dict[str, str]:
    try:
        values = values_of(draft, catalogue, slot)
        await context.service(SlotEditor).check(slot.slot_id, parsed(SlotUpdate, values))
    except ValidationFailed as refused:
        return dict(refused.fields or {})
    return {}


async def _page(context: PageContext, values: Mapping[str, Any], status: int = 200) -> Response:
    settings = (await context.service(OperatorSettingsService).state()).settings
    return page(
        context,
        "slot.html",
        status=status,
        names=await context.service(Dashboard).names(),
        model_notes=await _model_notes(context, values["slot"].slot_id),
        keeps_sources=bool(settings["keep_sources_hours"].value),
        **values,
    )


async def _model_notes(context: PageContext, slot_id: str) -> list[Cause]:
    """Models of the slot that have ended, will soon, or are unknown to their provider."""
    card = await context.service(Dashboard).card(slot_id)
    return [cause for cause in card.slot.why if cause.model]


async def _answer(
    context: PageContext, status: int, values: Mapping[str, Any], *, toast: str | None = None
) -> Response:
    """The editor after saving, or after it was refused."""
    if not context.is_htmx:
        return await _page(context, values, status)
    return part(context, "_slot_editor.html", status=status, toast=toast, **values)


async def _values(
    context: PageContext,
    slot: SlotView,
    catalogue: ProviderList,
    *,
    draft: Draft | None = None,
    fields: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What every part of the editor may use, of what is saved or of ``draft``."""
    known = draft or draft_of(slot, slot.version)
    found = fields if draft else slot.problems
    templates = await context.service(TemplateMediaService).all()
    editor = editor_of(known, catalogue, templates, context.language, found)
    base = base_urls_of(context.request).guests(None)
    return {
        "slot": slot,
        "number_of": number_of,
        "editor": editor,
        "conflict": None,
        "oob": False,  # the findings replace those on the page
        "may_write": context.may("slots:write"),
        "may_test": context.may("slots:test"),
        "replies": REPLIES,
        "sizes": SIZES,
        "others": [one for one in SLOT_IDS if one != slot.slot_id],
        "ingest": lambda reply: f"{base}/ingest/{slot.slot_id}?reply={reply}",
        "named": lambda kind, name: named(context.language, kind, name),
    }
