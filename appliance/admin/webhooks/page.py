"""Webhooks: which there are, a new one (its secret shown once), what was delivered."""

from __future__ import annotations

import contextlib
import uuid
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from appliance.admin.forms import Form, read_form
from appliance.admin.headers import MOUNT
from appliance.admin.render import page, part
from appliance.admin.security import MayReadSettings, MayWriteSettings, PageContext
from appliance.core.errors import NotFound, ValidationFailed
from appliance.core.injection import service_of
from appliance.core.validation import parsed
from appliance.core.web_address import LONGEST
from appliance.staff.webhooks.schemas import EVENTS, NewWebhook
from appliance.staff.webhooks.service import Webhooks

router = APIRouter(prefix="/settings/webhooks")

PAGE = f"{MOUNT}/settings/webhooks"


@router.get("")
async def webhooks_page(request: Request, context: MayReadSettings) -> Response:
    """The page; for HTMX what may have changed on it."""
    return await _answer(request, context)


@router.post("")
async def add(request: Request, context: MayWriteSettings) -> Response:
    """Add a webhook; its secret is on the page this once."""
    form = await read_form(request)
    wanted = {"name": form.text("name"), "address": form.text("address"), "events": form.every("events")}
    try:
        made = await service_of(request, Webhooks).add(parsed(NewWebhook, wanted), context.person)
    except ValidationFailed as refused:
        fields = {name.partition(".")[0]: said for name, said in (refused.fields or {}).items()}
        return await _answer(request, context, status=422, typed=form, errors=fields)
    toast = context.language.gettext("notice.webhook_added")
    return await _answer(request, context, toast=toast, made=made)


@router.post("/{webhook_id}/remove")
async def remove(webhook_id: uuid.UUID, request: Request, context: MayWriteSettings) -> Response:
    """Forget a webhook; one that is gone already is gone."""
    with contextlib.suppress(NotFound):
        await service_of(request, Webhooks).remove(webhook_id, context.person)
    if not context.is_htmx:
        context.notice("webhook_removed")
        return RedirectResponse(PAGE, 303)
    return await _answer(request, context, toast=context.language.gettext("notice.webhook_removed"))


async def _answer(
    request: Request, context: PageContext, *, status: int = 200, toast: str | None = None, **more: Any
) -> Response:
    empty: dict[str, Any] = {"typed": Form([]), "errors": {}, "made": None}
    values = {
        "found": await service_of(request, Webhooks).view(),
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
