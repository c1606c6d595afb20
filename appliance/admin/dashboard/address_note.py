"""Addresses of this machine to choose from, beside the issue of a wrong one or where there are several."""

from __future__ import annotations

from fastapi import APIRouter, Response

from appliance.admin.headers import MOUNT
from appliance.admin.render import part
from appliance.admin.security import MayWriteSettings, PageContext
from appliance.core.errors import ValidationFailed
from appliance.core.language import Message
from appliance.core.networks import machine_addresses
from appliance.core.public_base import base_urls_of
from appliance.ingest.service import IngestService
from appliance.settings.operator import SettingsReader
from appliance.staff.settings.address import Addresses
from appliance.staff.settings.schemas import SettingsUpdate
from appliance.staff.settings.service import OperatorSettingsService

router = APIRouter(prefix="/dashboard")


@router.get("/address")
async def note(context: MayWriteSettings) -> Response:
    """Addresses to choose from, if there are any: for the issue of a wrong one (``?wrong=1``), else where
    this machine has several. Who may only look does not have the app knock at an address and port of a
    made-up ``Host``.
    """
    return await _note(context, of_issue="wrong" in context.request.query_params)


@router.post("/address")
async def choose(context: MayWriteSettings) -> Response:
    """Have guests' links begin with one of this machine's addresses."""
    base = (await context.form()).text("base")
    if base not in base_urls_of(context.request).choices():
        raise ValidationFailed(fields={"base": Message("is not an address of this machine")})
    await context.service(OperatorSettingsService).update(
        SettingsUpdate.model_validate({"public_base_url": base}), context.person
    )
    if context.is_htmx:
        return await _note(context, of_issue=False)
    return context.redirect(f"{MOUNT}/", "settings_saved")


async def _note(context: PageContext, *, of_issue: bool) -> Response:
    way, addresses = base_urls_of(context.request), context.service(Addresses)
    chosen = (await context.service(SettingsReader).operator_settings()).public_base_url or way.configured
    base = chosen or context.service(IngestService).guest_base or way.guests(None)
    wrong = (await addresses.known(base)).state != "fine"
    choices = [one for one in way.choices() if (await addresses.known(one)).state == "fine"]
    if wrong != of_issue or (not wrong and (chosen or len(choices) < 2)):
        choices = []
    found = [one for one in machine_addresses() if one.problem] if wrong and of_issue and not choices else []
    return part(context, "_address_note.html", wrong=wrong, base=base, choices=choices, found=found)
