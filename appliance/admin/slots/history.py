"""A slot's earlier versions, and copying a slot's settings to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from appliance.admin.headers import MOUNT
from appliance.admin.naming import named
from appliance.admin.render import page, part
from appliance.admin.security import MayReadSlots, MayWriteSlots
from appliance.admin.slots.draft import operation_of
from appliance.admin.slots.fields import choice, properties
from appliance.core.errors import SlotNotFound, ValidationFailed
from appliance.core.language import Language, Message
from appliance.slots.schemas import SLOT_IDS, SlotConfig
from appliance.staff.providers.catalogue import ProviderCatalogue, ProviderList
from appliance.staff.slots.editor import SlotEditor

router = APIRouter(prefix="/slots")

Version = Annotated[int, Path(ge=1, le=2**31 - 1)]

PAGE = f"{MOUNT}/slots"
_LONGEST = 400  # characters of a value in a comparison


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs."""

    label: str
    before: str
    after: str


@router.get("/{slot_id}/history")
async def history(slot_id: str, context: MayReadSlots) -> Response:
    """Every version that was saved, the newest first."""
    found = await context.service(SlotEditor).history(slot_id)
    return page(
        context,
        "slot_history.html",
        slot=await context.service(SlotEditor).get(slot_id),
        versions=found.versions,
        opened=None,
    )


@router.get("/{slot_id}/history/{version}")
async def version(slot_id: str, version: Version, context: MayReadSlots) -> Response:
    """What restoring a version would change."""
    slot, saved = (
        await context.service(SlotEditor).get(slot_id),
        await context.service(SlotEditor).version(slot_id, version),
    )
    turned = {name: [now, then] for name, (then, now) in saved.changes.items()}
    values: dict[str, Any] = {
        "slot": slot,
        "saved": saved,
        "changes": shown_changes(
            context.language, turned, await context.service(ProviderCatalogue).all(), slot
        ),
        "may_write": context.may("slots:write"),
    }
    if context.is_htmx:
        return part(context, "_slot_version.html", **values)
    found = await context.service(SlotEditor).history(slot_id)
    return page(context, "slot_history.html", versions=found.versions, opened=version, **values)


@router.post("/{slot_id}/history/{version}/restore")
async def restore(slot_id: str, version: Version, context: MayWriteSlots) -> Response:
    """Make an earlier version the newest one."""
    await context.service(SlotEditor).restore(slot_id, version, context.person)
    return context.redirect(f"{PAGE}/{slot_id}", "slot_restored")


@router.post("/{slot_id}/duplicate")
async def duplicate(slot_id: str, context: MayWriteSlots) -> Response:
    """Give another slot what is saved here, and go there."""
    to = (await context.form()).text("to")
    if to not in SLOT_IDS:
        raise SlotNotFound
    if to == slot_id:
        raise ValidationFailed(fields={"to": Message("is the same slot")})
    await context.service(SlotEditor).duplicate(slot_id, to, context.person)
    return context.redirect(f"{PAGE}/{to}", "slot_duplicated")


def shown_changes(
    language: Language, found: Mapping[str, Any], catalogue: ProviderList, slot: SlotConfig
) -> list[FieldChange]:
    """Differences as people read them."""
    return [
        FieldChange(
            label_of(language, name, catalogue, slot),
            shown(language, name, before),
            shown(language, name, after),
        )
        for name, (before, after) in found.items()
    ]


def label_of(language: Language, name: str, catalogue: ProviderList, slot: SlotConfig) -> str:
    """What a field is called on the form."""
    kind, _, inner = name.partition(".")
    if language.has(f"slot.{name}.label"):
        return language.gettext(f"slot.{name}.label")
    if kind == "template_media" and inner:
        return language.gettext("slot.template", role=named(language, "template_role", inner))

    schema: dict[str, Any] = {}
    if kind == "output":
        schema = catalogue.output_schema
    elif kind == "prompt":
        schema = catalogue.prompt_schema
    elif kind == "params":
        view = operation_of(catalogue, slot.provider, slot.operation)
        schema = view.params_schema if view else {}
    title = properties(schema).get(inner, {}).get("title")
    return language.text(str(title)) if title else name


def shown(language: Language, name: str, value: Any) -> str:
    """A field's value for people; long ones are cut."""
    if value is None or value in ("", [], {}):
        return "–"
    if isinstance(value, bool):
        text = language.gettext("base.yes" if value else "base.no")
    elif name == "fallbacks" and isinstance(value, list):
        text = "; ".join(_route(language, route) for route in value)
    elif isinstance(value, dict):
        text = "; ".join(f"{key}: {shown(language, key, item)}" for key, item in value.items())
    elif isinstance(value, list):
        text = ", ".join(str(item) for item in value)
    elif name in ("provider", "operation"):
        text = named(language, name, str(value))
    else:
        text = choice(language, value) if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _route(language: Language, route: Mapping[str, Any]) -> str:
    names = [shown(language, kind, route.get(kind)) for kind in ("provider", "operation")]
    params = ", ".join(f"{name} {value}" for name, value in route.get("params", {}).items())
    model = [str(route["model"])] if route.get("model") else []
    return " · ".join(names + model) + (f" ({params})" if params else "")
