"""Webhooks: which there are, a new one (its secret shown once), what was delivered."""

from __future__ import annotations

import contextlib
import uuid
from typing import Any

from fastapi import APIRouter, Response

from appliance.admin.forms import Form
from appliance.admin.headers import MOUNT
from appliance.admin.render import page, part
from appliance.admin.security import MayReadSettings, MayWriteSettings, PageContext
from appliance.core.errors import NotFound, ValidationFailed
from appliance.core.validation import parsed
from appliance.core.web_address import LONGEST
from appliance.staff.webhooks.schemas import EVENTS, NewWebhook
from appliance.staff.webhooks.service import Webhooks

router = APIRouter(prefix="/settings/webhooks")

PAGE = f"{MOUNT}/settings/webhooks"


@router.get("")
async def webhooks_page(context: MayReadSettings) -> Response:
    """The page; for HTMX what may have changed on it."""
    return await _answer(context)


@router.post("")
async def add(context: MayWriteSettings) -> Response:
    """Add a webhook; its secret is on the page this once."""
    form = await context.form()
    wanted = {"name": form.text("name"), "address": form.text("address"), "events": form.every("events")}
    try:
        made = await context.service(Webhooks).add(parsed(NewWebhook, wanted), context.person)
    except ValidationFailed as refused:
        fields = {name.partition(".")[0]: said for name, said in (refused.fields or {}).items()}
        return await _answer(context, status=422, typed=form, errors=fields)
    toast = context.language.gettext("notice.webhook_added")
    return await _answer(context, toast=toast, made=made)


@router.post("/{webhook_id}/remove")
async def remove(webhook_id: uuid.UUID, context: MayWriteSettings) -> Response:
    """Forget a webhook; one that is gone already is gone."""
    with contextlib.suppress(NotFound):
        await context.service(Webhooks).remove(webhook_id, context.person)
    if not context.is_htmx:
        return context.redirect(PAGE, "webhook_removed")
    return await _answer(context, toast=context.language.gettext("notice.webhook_removed"))


async def _answer(
    context: PageContext, *, status: int = 200, toast: str | None = None, **more: Any
) -> Response:
    empty: dict[str, Any] = {"typed": Form([]), "errors": {}, "made": None}
    values = {
        "found": await context.service(Webhooks).view(),
        "events": EVENTS,
        "longest_address": LONGEST,
        "own": PAGE,
        "may_write": context.may("settings:write"),
        **empty,
        **more,
    }
    if not context.is_htmx:
        return page(context, "webhooks.html", status=status, **values)
    return part(context, "_webhooks.html", status=status, toast=toast, **values)
