"""The pre-flight: one button, and what came of it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fastapi import APIRouter, Response

from appliance.admin.headers import MOUNT
from appliance.admin.issue_actions import may_press
from appliance.admin.render import page, part
from appliance.admin.security import MayReadSlots, MayTestSlots, PageContext
from appliance.staff.preflight.checks import GROUPS
from appliance.staff.preflight.routes import base_for
from appliance.staff.preflight.schemas import PreflightRun, run_view
from appliance.staff.preflight.service import PreflightService

router = APIRouter(prefix="/preflight")

PAGE = f"{MOUNT}/preflight"


@router.get("")
async def preflight_page(context: MayReadSlots) -> Response:
    """The page."""
    return page(context, "preflight.html", **await _shown(context))


@router.get("/state")
async def state_now(context: MayReadSlots) -> Response:
    """How far it is, or what came of it."""
    return part(context, "_preflight.html", **await _shown(context))


@router.post("")
async def start(context: MayTestSlots) -> Response:
    """Begin; one that runs is joined."""
    paid = (await context.form()).text("paid") == "yes"
    service = context.service(PreflightService)
    base = await base_for(context.request, context.person)
    await service.ask(by=context.person.username, paid=paid, base=base)
    if not context.is_htmx:
        return context.redirect(PAGE)
    return part(context, "_preflight.html", **await _shown(context))


@router.get("/line")
async def line(context: MayReadSlots) -> Response:
    """One line for the dashboard."""
    return part(context, "_preflight_line.html", **await preflight_line(context))


async def preflight_line(context: PageContext) -> dict[str, Any]:
    """What the line's template may use."""
    found = await context.service(PreflightService).state()
    run = run_view(found.newest, context.language.code)
    return {"last_run": run, "last_counts": _counts(run), "preflight": PAGE}


async def _shown(context: PageContext) -> dict[str, Any]:
    service, lang = context.service(PreflightService), context.language.code
    found = await service.state()
    newest, whole = run_view(found.newest, lang), run_view(found.whole, lang)
    price = await service.price()
    return {
        "newest": newest,
        "whole": whole,
        "run": whole if newest and newest.status == "interrupted" else newest,
        "counts": _counts,
        "groups": GROUPS,
        "may_start": context.may("slots:test"),
        "may_press": lambda action: bool(action.href) and may_press(context, action.kind),
        "price": price,
        "sum": ", ".join(context.language.money(most, currency) for currency, most in price.most.items()),
        "preflight": PAGE,
    }


def _counts(run: PreflightRun | None) -> Counter[str]:
    """How many lines of each state."""
    return Counter(one.state for one in run.checks) if run else Counter()
