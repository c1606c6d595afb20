"""Booths: what they sent, as it arrived, and keys for single ones."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Response

from appliance.admin.booths.simulator import simulator_form
from appliance.admin.forms import Form
from appliance.admin.headers import MOUNT
from appliance.admin.render import page, part
from appliance.admin.security import MayReadJobs, MayWriteSettings, PageContext
from appliance.core.errors import ValidationFailed
from appliance.core.public_base import base_urls_of
from appliance.core.validation import parsed
from appliance.slots.schemas import SLOT_IDS
from appliance.staff.booth_keys.schemas import BoothKeyChange, MadeBoothKey, NewBoothKey
from appliance.staff.booth_keys.service import BoothKeyService
from appliance.staff.booths.everywhere import AllBooths
from appliance.staff.booths.schemas import BoothList

router = APIRouter(prefix="/booths")

PAGE = f"{MOUNT}/booths"


@dataclass(frozen=True, slots=True)
class KeyForm:
    """What stands in a key's form that was not taken."""

    name: str = ""
    slots: tuple[str, ...] = ()

    @classmethod
    def of(cls, form: Form) -> KeyForm:
        """A form as it was sent."""
        return cls(form.text("name"), tuple(form.every("slots")))

    def values(self) -> dict[str, Any]:
        """For the schema."""
        return {"name": self.name, "slots": list(self.slots)}


@router.get("")
async def booths_page(context: MayReadJobs) -> Response:
    """The page."""
    return page(context, "booths.html", **await _whole(context))


@router.get("/list")
async def booth_list(context: MayReadJobs, seen: int = 0) -> Response:
    """The booths' requests, if one came after number ``seen``."""
    if await context.service(AllBooths).newest() == seen:
        return Response(status_code=204)
    return part(context, "_booth_list.html", **await _requests(context))


@router.post("/keys")
async def make_key(context: MayWriteSettings) -> Response:
    """A new key, shown this once."""
    typed = KeyForm.of(await context.form())
    try:
        wanted = parsed(NewBoothKey, typed.values())
        made = await context.service(BoothKeyService).create(wanted, context.person)
    except ValidationFailed as error:
        return await _wrong(context, error, typed)
    return await _done(context, "booth_key_made", made=made)


@router.post("/keys/{key_id}")
async def change_key(key_id: uuid.UUID, context: MayWriteSettings) -> Response:
    """Another name, or other slots."""
    typed = KeyForm.of(await context.form())
    try:
        wanted = parsed(BoothKeyChange, typed.values())
        await context.service(BoothKeyService).change(key_id, wanted, context.person)
    except ValidationFailed as error:
        return await _wrong(context, error, typed, changing=str(key_id))
    return await _done(context, "booth_key_changed")


@router.post("/keys/{key_id}/revoke")
async def revoke_key(key_id: uuid.UUID, context: MayWriteSettings) -> Response:
    """Close one booth."""
    await context.service(BoothKeyService).revoke(key_id, context.person)
    return await _done(context, "booth_key_revoked")


async def _done(context: PageContext, notice: str, *, made: MadeBoothKey | None = None) -> Response:
    if context.is_htmx:
        toast = context.language.gettext(f"notice.{notice}")
        return part(context, "_booth_keys.html", toast=toast, **await _keys(context, made=made))
    if made:  # a redirect would lose the key
        return page(context, "booths.html", **await _whole(context, made=made))
    return context.redirect(f"{PAGE}#keys", notice)


async def _wrong(
    context: PageContext, error: ValidationFailed, typed: KeyForm, changing: str = ""
) -> Response:
    wrong: dict[str, Any] = {"typed": typed, "errors": dict(error.fields or {}), "changing": changing}
    if context.is_htmx:
        return part(context, "_booth_keys.html", status=422, **await _keys(context, **wrong))
    return page(context, "booths.html", status=422, **await _whole(context, **wrong))


async def _whole(context: PageContext, **keys: Any) -> dict[str, Any]:
    """What the whole page shows; ``keys`` is what has just happened to one."""
    return await _requests(context) | await _keys(context, **keys) | await simulator_form(context)


async def _requests(context: PageContext) -> dict[str, Any]:
    kept = context.service(AllBooths)
    newest = await kept.newest()  # before the requests: what comes in between is shown with the next look
    may_see = context.may("results:read")
    shown = BoothList.of(await kept.booths(), context.language.code, with_values=may_see)
    return {"booths": shown.booths, "newest": newest, "booths_page": PAGE}


async def _keys(
    context: PageContext,
    *,
    made: MadeBoothKey | None = None,
    typed: KeyForm | None = None,
    errors: dict[str, str] | None = None,
    changing: str = "",
) -> dict[str, Any]:
    may_see = context.may("settings:read")
    keys = await context.service(BoothKeyService).all() if may_see else []
    return {
        "booths_page": PAGE,
        "may_see_keys": may_see,
        "may_change_keys": context.may("settings:write"),
        "in_force": [key for key in keys if key.revoked_at is None],
        "revoked": [key for key in keys if key.revoked_at is not None],
        "made": made,
        "made_addresses": _addresses(context, made) if made else [],
        "typed": typed or KeyForm(),
        "errors": errors or {},
        "changing": changing,
        "slots": SLOT_IDS,
    }


def _addresses(context: PageContext, made: MadeBoothKey) -> list[tuple[str, str]]:
    """What to copy: whole addresses for the booths' programs, and the key alone."""
    base = base_urls_of(context.request).guests(None)
    slot = made.slots[0] if made.slots else SLOT_IDS[0]
    return [
        (f"booths.address_{form}", f"{base}/api/ingest/{slot}?reply={form}&key={made.key}")
        for form in ("image", "multipart")
    ] + [("booths.key_alone", made.key)]
