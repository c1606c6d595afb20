"""Galleries and screens: what everybody at the event may see for a while."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Response
from markupsafe import Markup
from pydantic import ValidationError

from appliance.admin.dashboard.cards import Dashboard
from appliance.admin.forms import Form
from appliance.admin.headers import MOUNT
from appliance.admin.render import moment, page, part
from appliance.admin.security import MayReadResults, MayWriteResults, PageContext
from appliance.core.clock import utcnow
from appliance.core.errors import NotFound
from appliance.core.texts import plain_digits
from appliance.core.validation import messages_of
from appliance.guests.links import guest_base
from appliance.slots.schemas import SLOT_IDS, number_of
from appliance.staff.shared_galleries.schemas import GalleryDuration, GalleryView, NewGallery
from appliance.staff.shared_galleries.service import SharedGalleryService

router = APIRouter(prefix="/screens")

PAGE = f"{MOUNT}/screens"
UNITS = {"minutes": 1, "hours": 60, "closed": None}
STARTS = ("usual", "now", "all")  # from when on pictures are in a gallery
PRINT_PIXELS = 2000
_EARLIER = timedelta(days=365 * 5)
_USUAL = {"amount": "4", "unit": "hours", "pictures_from": "usual"}


@router.get("")
async def shared_galleries_page(context: MayReadResults) -> Response:
    """The page."""
    return await _page(context)


async def _page(context: PageContext, *, status: int = 200, **form: Any) -> Response:
    return page(context, "shared_galleries.html", status=status, **await _shared(context, **form))


@router.get("/list")
async def galleries(context: MayReadResults) -> Response:
    """Every gallery as it is now: how many pictures it shows, whether it has ended."""
    return part(context, "_shared_gallery_list.html", **await _shared(context))


@router.post("")
async def open_gallery(context: MayWriteResults) -> Response:
    """Open a gallery as the form says."""
    form = await context.form()
    try:
        wanted = NewGallery.model_validate(_typed(form))
    except ValidationError as error:
        return await _refused(context, form, error)
    gallery = await context.service(SharedGalleryService).open(
        wanted, context.person, await guest_base(context.request)
    )
    toast = _open_until(context, gallery)
    return await _done(context, "gallery_opened", toast, "_shared_gallery_new.html")


async def _refused(context: PageContext, form: Form, error: ValidationError) -> Response:
    """The form as it was typed in, with what is wrong with it."""
    each = UNITS.get(form.text("unit"), 1) or 1
    findings = error.errors()
    for one in findings:
        if one["loc"] == ("minutes",) and "le" in one.get("ctx", {}):
            one["ctx"]["le"] /= each  # the limit as it was typed: in hours
    errors = messages_of(findings)
    found = {"amount" if name == "minutes" else name: text for name, text in errors.items()}
    if not context.is_htmx:
        return await _page(context, status=422, typed=form, errors=found)
    values = await _shared(context, typed=form, errors=found)
    return part(context, "_shared_gallery_new.html", status=422, **values)


@router.post("/pin")
async def suggest_pin(context: MayWriteResults) -> Response:
    """A PIN that cannot be guessed in a night, put into the field; nothing is changed."""
    made = context.service(SharedGalleryService).suggest_pin()
    return part(context, "_pin_input.html", pin=made, error=None)


@router.post("/{gallery_id}/open")
async def open_again(gallery_id: uuid.UUID, context: MayWriteResults) -> Response:
    """Open a gallery again, or for longer."""
    try:
        wanted = GalleryDuration.model_validate(_time(await context.form()))
    except ValidationError:
        context.notice("gallery_time_wrong")
        return _to_page(context)
    gallery = await context.service(SharedGalleryService).open_again(
        gallery_id, wanted.minutes, context.person, await guest_base(context.request)
    )
    return await _done(context, "gallery_opened", _open_until(context, gallery))


def _open_until(context: PageContext, gallery: GalleryView) -> str:
    """What was done, with the gallery's new end where it has one."""
    if gallery.closes_at is None:
        return context.language.gettext("notice.gallery_opened")
    until = moment(gallery.closes_at, "minute")
    return Markup(context.language.gettext("notice.gallery_open_until", until=until))  # noqa: S704 - our words


@router.post("/{gallery_id}/close")
async def close(gallery_id: uuid.UUID, context: MayWriteResults) -> Response:
    """Close a gallery."""
    await context.service(SharedGalleryService).close(
        gallery_id, context.person, await guest_base(context.request)
    )
    toast = context.language.gettext("notice.gallery_closed")
    return await _done(context, "gallery_closed", toast)


async def _done(
    context: PageContext, notice: str, toast: str, template: str = "_shared_gallery_list.html"
) -> Response:
    """The galleries as they are now; ``template`` is the part of the page that asked.

    ``toast`` says what was done; a page without scripts has only the ``notice`` of that name.
    """
    if not context.is_htmx:
        return context.redirect(PAGE, notice)
    return part(context, template, toast=toast, **await _shared(context) | {"oob": True})


def _to_page(context: PageContext) -> Response:
    if context.is_htmx:
        return Response(headers={"HX-Redirect": PAGE})
    return context.redirect(PAGE)


@router.get("/{gallery_id}/sheet")
async def sheet(gallery_id: uuid.UUID, context: MayReadResults) -> Response:
    """A page to print and hang up: the event, the code, the PIN."""
    gallery = await context.service(SharedGalleryService).get(gallery_id, await guest_base(context.request))
    if gallery.state != "open":
        raise NotFound
    return page(context, "shared_gallery_sheet.html", gallery=gallery, base=await guest_base(context.request))


def _time(form: Form) -> dict[str, Any]:
    """The form's time as minutes; ``None``: until somebody closes it."""
    each = UNITS.get(form.text("unit"), 1)
    amount = form.text("amount").replace(",", ".")
    if each is None:
        return {"minutes": None}
    try:
        return {"minutes": float(amount) * each}
    except ValueError:
        return {"minutes": amount}


def _typed(form: Form) -> dict[str, Any]:
    now = utcnow()
    return {
        **_time(form),
        "title": form.text("title"),
        "slot_id": form.text("slot_id") or None,
        "pin": plain_digits(form.text("pin")) or None,
        "moderated": form.checked("moderated"),
        "pictures_from": {"now": now, "all": now - _EARLIER}.get(form.text("pictures_from")),
    }


async def _shared(
    context: PageContext, *, typed: Form | None = None, errors: dict[str, str] | None = None
) -> dict[str, Any]:
    base = await guest_base(context.request)
    found = await context.service(SharedGalleryService).all(base)
    opened = [one for one in found if one.state == "open"]
    return {
        "opened": opened,
        "ended": [one for one in found if one.state != "open"],
        "waiting": len(await context.service(SharedGalleryService).queue()),
        "moderated": any(one.moderated for one in opened),
        "typed": typed if typed is not None else _USUAL,
        "errors": errors or {},
        "oob": False,
        "names": await context.service(Dashboard).names(),
        "slots": SLOT_IDS,
        "units": UNITS,
        "starts": STARTS,
        "number_of": number_of,
        "path_of": lambda url: url.removeprefix(base),  # its picture comes from where the page came from
        "print_pixels": PRINT_PIXELS,
        "may_write": context.may("results:write"),
        "may_moderate": context.may("results:moderate"),
        "shared_galleries": PAGE,
    }
