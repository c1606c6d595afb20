"""The dashboard: fifteen cards that follow what happens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from appliance.admin.dashboard import live
from appliance.admin.dashboard.cards import Card, Dashboard, OpenIssues
from appliance.admin.dashboard.issues import issue_words_of
from appliance.admin.headers import MOUNT
from appliance.admin.preflight.page import preflight_line
from appliance.admin.render import html, page, part
from appliance.admin.security import MayPauseSlots, MayReadJobs, MayReadSlots, PageContext, SignedIn, allowed
from appliance.core.errors import SlotNotFound
from appliance.core.public_base import base_urls_of
from appliance.slots.schemas import SLOT_IDS
from appliance.staff.settings.service import OperatorSettingsService
from appliance.staff.slots.editor import SlotEditor
from appliance.staff.stats.schemas import Cause
from appliance.staff.stats.service import StatsService

router = APIRouter()

# The address that a booth posts to, by reply form; DSLR Remote Pro's first.
REPLIES = ("image", "multipart", "json")


@router.get("/")
async def dashboard(context: SignedIn) -> Response:
    """The page. Who may not look at slots is led to what they may look at."""
    context = await allowed("slots:read")(context)
    cards = await context.service(Dashboard).cards()
    settings = await context.service(OperatorSettingsService).state()
    return page(
        context,
        "dashboard.html",
        password=settings.ingest_password,
        **issue_words_of(context, await context.service(Dashboard).issues()),
        **_tally(cards),
        **_shared(context, cards),
        **await preflight_line(context),
    )


@router.get("/dashboard/cards")
async def cards(context: MayReadSlots) -> Response:
    """The tally and every card: for browsers whose stream of events does not work."""
    found = await context.service(Dashboard).cards()
    issues = issue_words_of(context, await context.service(Dashboard).issues())
    return part(context, "_dashboard.html", **issues, **_tally(found), **_shared(context, found))


@router.get("/dashboard/cost")
async def cost(context: MayReadJobs) -> Response:
    """What the last 24 hours cost; nothing where nobody charged."""
    return part(context, "_cost.html", cost=await context.service(StatsService).cost_of_last_day())


@router.get("/events")
async def events(context: MayReadSlots) -> Response:
    """Cards as they change, as server-sent events."""
    dashboard = context.service(Dashboard)

    def render(changed: Sequence[Card], everything: Sequence[Card], issues: OpenIssues) -> str:
        shown = _tally(everything) | _shared(context, changed) | issue_words_of(context, issues)
        return html(context, "_dashboard.html", **shown)

    return StreamingResponse(
        live.changes(context.request, context.person, dashboard, render),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


@router.post("/dashboard/{slot_id}/{action}")
async def pause_or_resume(slot_id: str, action: str, context: MayPauseSlots) -> Response:
    """Pause a slot, or let it work again."""
    if slot_id not in SLOT_IDS or action not in ("pause", "resume"):
        raise SlotNotFound
    await context.service(SlotEditor).set_active(slot_id, action == "resume", context.person)
    card = await context.service(Dashboard).card(slot_id)
    if not context.is_htmx:
        return context.redirect(f"{MOUNT}/#{slot_id}", f"slot_{action}d")
    toast = f"{card.number} {card.slot.display_name}: {context.language.gettext(f'card.{card.slot.state}')}"
    return part(context, "_card.html", toast=toast, card=card, **_shared(context, [card]))


@router.get("/dashboard/{slot_id}/addresses")
async def addresses(slot_id: str, context: MayReadSlots) -> Response:
    """Every address of a slot, one for each reply form, in a dialog."""
    card = await context.service(Dashboard).card(slot_id)
    settings = await context.service(OperatorSettingsService).state()
    return part(
        context,
        "_addresses.html",
        card=card,
        replies=REPLIES,
        password=settings.ingest_password,
        **_shared(context, [card]),
    )


def _tally(cards: Sequence[Card]) -> dict[str, Any]:
    """The line above the cards, and whether no photo has come yet."""
    states = Counter(card.slot.state for card in cards)
    fallback = {"fallback": states["fallback"]} if states["fallback"] else {}
    return {
        "tally": {
            "ready": states["ready"],
            **fallback,
            "paused": states["paused"],
            "failing": states["failing"],
            "in_flight": sum(card.slot.in_flight for card in cards),
            "last_hour": sum(card.slot.last_hour for card in cards),
        },
        "awaits_first_photo": bool(cards)
        and not any(card.slot.last_picture or card.slot.last_hour or card.slot.in_flight for card in cards),
    }


def _shared(context: PageContext, cards: Sequence[Card]) -> dict[str, Any]:
    """What every card's template may use."""
    base = base_urls_of(context.request).guests(None)
    return {
        "cards": sorted(cards, key=lambda card: card.slot.state != "failing"),  # failing ones first
        "ingest": lambda card, reply: f"{base}/ingest/{card.slot_id}?reply={reply}",
        "why": lambda cause: _why(context, cause),
        "may_pause": context.may("slots:pause"),
    }


def _why(context: PageContext, cause: Cause) -> dict[str, str]:
    """What is wrong with a slot and what to do, in the visitor's language."""
    language = context.language
    if cause.fields:
        found = "; ".join(f"{name}: {language.message(text)}" for name, text in cause.fields.items())
        return {"what": language.gettext("card.wrong_settings"), "do": found}
    if cause.advice is None:
        return {"what": cause.reason or cause.kind, "do": ""}
    told = cause.advice.in_language(language.code)
    return {"what": told.what, "do": told.do}
