"""The pictures: every one, of one slot or of all (UC6)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, cast
from urllib.parse import urlencode

from fastapi import APIRouter, Response

from appliance.admin.dashboard.cards import Dashboard
from appliance.admin.headers import MOUNT
from appliance.admin.listing import Listing, instant
from appliance.admin.render import html, part
from appliance.admin.security import MayReadResults, MayWriteResults, PageContext
from appliance.core.clock import utcnow
from appliance.core.errors import InvalidRequest, JobNotFound, NotFound, ResultExpired, ResultNotFound
from appliance.core.language import Message
from appliance.core.public_base import base_urls_of
from appliance.core.sending import stored_file
from appliance.guests.links import GuestLink, GuestLinks
from appliance.guests.sending import zip_answer
from appliance.guests.service import attachment
from appliance.jobs.models import UNDO_DELETE
from appliance.media import qr
from appliance.settings.operator import SettingsReader
from appliance.slots.schemas import SLOT_IDS, number_of
from appliance.staff.jobs.hiding import PictureHiding
from appliance.staff.jobs.pictures import StaffPictures
from appliance.staff.jobs.search import JobFilter
from appliance.staff.pictures.archive import StaffArchive
from appliance.staff.pictures.search import PictureSearch, PictureState, PictureView

router = APIRouter(prefix="/gallery")

PAGE = f"{MOUNT}/gallery"
LISTING = Listing(PAGE, "pictures.html", "_shot_list.html", "_shots.html")
A_PAGE = 48
MOST_WATCHED = 200  # cards that one poll asks about
MOST_CHOSEN = 5000  # pictures of one selection: as ids 185 KB, of the 256 KB that a form may have
STATES = ("kept", "available", "hidden", "expired", "deleted")
SOURCES = ("ingest", "test")
_ACTIONS = ("hide", "unhide", "delete", "undelete")
_QR_SIZE = 320


def _wanted(slot: str, state: str, source: str, since: str, until: str) -> tuple[JobFilter, dict[str, str]]:
    """What is asked for, and the same as it stands in the address."""
    wanted = JobFilter(
        slot=slot if slot in SLOT_IDS else None,
        source=source if source in SOURCES else "ingest",
        since=instant(since),
        until=instant(until),
        result=cast("PictureState", state) if state in STATES else "kept",
    )
    given = {"slot": slot, "state": state, "source": source, "since": since, "until": until}
    usual = {"state": "kept", "source": "ingest"}
    return wanted, {name: value for name, value in given.items() if value and usual.get(name) != value}


@router.get("")
async def pictures_page(
    context: MayReadResults,
    slot: str = "",
    state: str = "",
    source: str = "",
    since: str = "",
    until: str = "",
    cursor: str = "",
) -> Response:
    """The page; for HTMX the pictures alone, or the next ones behind ``cursor``."""
    wanted, chosen = _wanted(slot, state, source, since, until)
    found = await context.service(PictureSearch).page(wanted, limit=A_PAGE, cursor=cursor or None)
    choices = {"slots": SLOT_IDS, "states": STATES, "sources": SOURCES, "most_chosen": MOST_CHOSEN}
    shown = {"items": found.results, "query": urlencode(chosen), **choices}
    shared = await _shared(context)
    return LISTING.answer(context, chosen, cursor, found.next_cursor, **shown, **shared)


@router.post("/poll")
async def poll(context: MayReadResults) -> Response:
    """Which of the cards on the page are no longer as they are shown, and how many are newer."""
    form = await context.form()
    known = dict(_marks(form.text("known")))
    found = await context.service(PictureSearch).page(
        JobFilter(ids=frozenset(known), result="any"), limit=MOST_WATCHED
    )
    changed = [item for item in found.results if known[item.job_id] != item.state]
    fresh = 0
    newest = instant(form.text("newest"))
    if newest is not None:
        slot, state, source, until = (form.text(name) for name in ("slot", "state", "source", "until"))
        wanted, _ = _wanted(slot, state, source, "", until)
        since = JobFilter(
            slot=wanted.slot, source=wanted.source, since=newest, until=wanted.until, result=wanted.result
        )
        page_of = await context.service(PictureSearch).page(since, limit=100)
        fresh = sum(item.created_at > newest for item in page_of.results)
    return part(context, "_shot_news.html", items=changed, fresh=fresh, **await _shared(context))


def _marks(text: str) -> Iterable[tuple[uuid.UUID, str]]:
    """``id:state`` of each card on the page."""
    for one in text.split(",")[:MOST_WATCHED]:
        job_id, _, state = one.partition(":")
        try:
            yield uuid.UUID(job_id), state
        except ValueError:
            continue


@router.post("/{job_id}/{action}")
async def hide_or_delete(job_id: uuid.UUID, action: str, context: MayWriteResults) -> Response:
    """Hide, show, delete or bring back a picture; the card as it is then."""
    if action not in _ACTIONS:
        raise NotFound
    await getattr(context.service(PictureHiding), action)(str(job_id), context.person)
    if not context.is_htmx:
        return context.redirect(PAGE, f"picture_{action}")
    item = await _item(context, job_id)
    values = {"item": item, "oob": False, **await _shared(context)}
    card = html(context, "_shot.html", **values)
    return part(context, "_shot_toast.html", card=card, action=action, **values)


@router.get("/{job_id}/card")
async def card(job_id: uuid.UUID, context: MayReadResults) -> Response:
    """One picture's card as it is now."""
    item = await _item(context, job_id)
    return part(context, "_shot.html", item=item, oob=False, **await _shared(context))


@router.get("/{job_id}/code")
async def code(job_id: uuid.UUID, context: MayReadResults) -> Response:
    """The guest's link and its QR code, in a dialog."""
    item = await _item(context, job_id)
    if item.state not in ("available", "hidden"):
        raise ResultNotFound
    link = await _guest_link(context, item)
    return part(context, "_shot_code.html", item=item, link=link, **await _shared(context))


@router.get("/{job_id}/code.svg")
async def code_picture(job_id: uuid.UUID, context: MayReadResults) -> Response:
    """The QR code of the guest's link."""
    item = await _item(context, job_id)
    drawn = qr.svg((await _guest_link(context, item)).url, _QR_SIZE)
    return Response(drawn, media_type="image/svg+xml")


@router.post("/zip")
async def selection(context: MayReadResults) -> Response:
    """The pictures that were ticked, as one ZIP; their ids come in one field, with commas between them."""
    chosen = (await context.form()).text("chosen").split(",")
    if len(chosen) > MOST_CHOSEN:
        raise InvalidRequest(
            Message("At most %(n)s pictures go into one ZIP. Select fewer of them.", n=MOST_CHOSEN)
        )
    return await _zip(context, JobFilter(ids=frozenset(_ids(chosen)), result="kept"))


@router.get("/zip")
async def everything(
    context: MayReadResults,
    slot: str = "",
    state: str = "",
    source: str = "",
    since: str = "",
    until: str = "",
) -> Response:
    """Every picture that the filter finds and that is still there, as one ZIP."""
    wanted, _chosen = _wanted(slot, state, source, since, until)
    return await _zip(context, wanted)


def _ids(texts: Iterable[str]) -> Iterable[uuid.UUID]:
    for text in texts:
        try:
            yield uuid.UUID(text)
        except ValueError:
            raise JobNotFound from None


async def _zip(context: PageContext, wanted: JobFilter) -> Response:
    made = await context.service(StaffArchive).open(wanted)
    return zip_answer(made.name, made.chunks)


@router.get("/{job_id}/preview")
async def preview(job_id: uuid.UUID, context: MayReadResults) -> Response:
    """A square of 320 pixels, made once."""
    found = await context.service(StaffPictures).preview(str(job_id))
    return stored_file(found.key, found.media_type, cache="private, max-age=3600")


@router.get("/{job_id}/result")
async def result(job_id: uuid.UUID, context: MayReadResults) -> Response:
    """The picture itself, hidden ones and test shots too."""
    found = await context.service(StaffPictures).result(str(job_id))
    return stored_file(found.key, found.media_type, cache="private, max-age=3600")


@router.get("/{job_id}/download")
async def download(job_id: uuid.UUID, context: MayReadResults) -> Response:
    """The same, to be saved: for pictures that have no public link."""
    found = await context.service(StaffPictures).result(str(job_id))
    return stored_file(
        found.key, found.media_type, cache="private, no-cache", disposition=attachment(found.name)
    )


@router.get("/{job_id}/source")
async def source(job_id: uuid.UUID, context: MayReadResults) -> Response:
    """The photo as the booth sent it, where photos are kept."""
    found = await context.service(StaffPictures).source(str(job_id))
    return stored_file(found.key, found.media_type, cache="private, max-age=3600")


async def _item(context: PageContext, job_id: uuid.UUID) -> PictureView:
    found = await context.service(PictureSearch).page(
        JobFilter(ids=frozenset({job_id}), result="any"), limit=1
    )
    if not found.results:
        raise ResultExpired
    return found.results[0]


async def _guest_link(context: PageContext, item: PictureView) -> GuestLink:
    """What a guest is given for a picture."""
    settings = await context.service(SettingsReader).operator_settings()
    return await context.service(GuestLinks).link(
        item.job_id, base_urls_of(context.request).guests(settings.public_base_url), settings
    )


def _may_undo(item: PictureView) -> bool:
    return item.deleted_at is not None and utcnow() < item.deleted_at + UNDO_DELETE


async def _shared(context: PageContext) -> dict[str, Any]:
    return {
        "names": await context.service(Dashboard).names(),
        "may_undo": _may_undo,
        "may_write": context.may("results:write"),
        "may_jobs": context.may("jobs:read"),
        "number_of": number_of,
        "pictures": PAGE,
    }
