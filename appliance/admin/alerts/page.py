"""Alerts: whom to call, when, quiet for a time, the event, the dead man's switch."""

from __future__ import annotations

import uuid
from typing import Any

from fastapi import APIRouter, Response

from appliance.admin.forms import Form
from appliance.admin.headers import MOUNT
from appliance.admin.render import page, part
from appliance.admin.security import MayPauseSlots, MayReadSettings, MayWriteSettings, PageContext
from appliance.admin.settings.section_list import SECTIONS
from appliance.admin.settings.sections import filled
from appliance.core.errors import NotFound, ValidationFailed
from appliance.core.language import languages
from appliance.core.validation import parsed
from appliance.staff.alerts.channels import AlertChannels
from appliance.staff.alerts.deliver import OPTIONS
from appliance.staff.alerts.schemas import LONGEST_ADDRESS, ChannelOptions, NewChannel
from appliance.staff.issues.findings import SEVERITIES
from appliance.staff.settings.service import OperatorSettingsService

router = APIRouter(prefix="/settings/alerts")

PAGE = f"{MOUNT}/settings/alerts"
_DONE = {"save": "channel_saved", "remove": "channel_removed", "test": ""}  # and the notice of it
SPANS = {"silence": (30, 120, 480), "event": (240, 480, 720)}  # minutes that can be pressed


@router.get("")
async def alerts_page(context: MayReadSettings) -> Response:
    """The page."""
    return await _whole(context)


@router.post("/channels")
async def add(context: MayWriteSettings) -> Response:
    """Keep a channel; its address is not shown again."""
    form = await context.form()
    try:
        new = parsed(NewChannel, {**_options(form), "address": form.text("address")})
        await context.service(AlertChannels).add(new, context.person)
    except ValidationFailed as refused:
        return await _answer(context, status=422, typed=form, errors=refused.fields or {})
    return await _done(context, "channel_added")


@router.post("/channels/{channel_id}/{action}")
async def change(channel_id: uuid.UUID, action: str, context: MayWriteSettings) -> Response:
    """Change, test or remove a channel; one that is gone is gone."""
    if action not in _DONE:
        raise NotFound
    channels, said = context.service(AlertChannels), None
    try:
        if action == "save":
            wanted = parsed(ChannelOptions, _options(await context.form()))
            await channels.change(channel_id, wanted, context.person)
        elif action == "remove":
            await channels.remove(channel_id, context.person)
        else:
            said = {"id": channel_id, "answer": await channels.test(channel_id)}
    except (NotFound, ValidationFailed):
        return await _answer(context)
    if said:
        return await _answer(context, said=said)
    return await _done(context, _DONE[action])


@router.post("/{span}")
async def press(span: str, context: MayPauseSlots) -> Response:
    """Silence or an event, for so many minutes from now; none: the end of it."""
    if span not in SPANS:
        raise NotFound
    pressed = (await context.form()).text("minutes")
    minutes = int(pressed) if pressed.isdecimal() and int(pressed) in SPANS[span] else 0
    channels = context.service(AlertChannels)
    await (channels.silence if span == "silence" else channels.event)(minutes, context.person)
    return await _done(context, f"{span}_{'set' if minutes else 'ended'}")


def _options(form: Form) -> dict[str, Any]:
    return {name: form.text(name) for name in ("name", "language", "severity")}


async def _done(context: PageContext, notice: str) -> Response:
    if not context.is_htmx:
        return context.redirect(PAGE, notice)
    return await _answer(context, toast=context.language.gettext(f"notice.{notice}"))


async def _answer(
    context: PageContext, *, status: int = 200, toast: str | None = None, **more: Any
) -> Response:
    if not context.is_htmx:
        return await _whole(context, status=status, **more)
    return part(context, "_alerts.html", status=status, toast=toast, **await _values(context, **more))


async def _whole(context: PageContext, *, status: int = 200, **more: Any) -> Response:
    state = await context.service(OperatorSettingsService).state()
    sections = [filled(one, state) for one in SECTIONS if one.page == "alerts"]
    values = await _values(context, **more)
    return page(context, "alerts.html", status=status, sections=sections, **values)


async def _values(context: PageContext, **more: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {"typed": Form([]), "errors": {}, "said": None}
    return {
        "alerts": await context.service(AlertChannels).view(),
        "schemes": [scheme for scheme in OPTIONS if f"{scheme}s" not in OPTIONS],
        "severities": SEVERITIES,
        "message_languages": {code: one.name for code, one in languages("staff").items()},
        "longest_address": LONGEST_ADDRESS,
        "spans": SPANS,
        "own": PAGE,
        "public_base": None,
        "may_write": context.may("settings:write"),
        "may_pause": context.may("slots:pause"),
        **empty,
        **more,
    }
