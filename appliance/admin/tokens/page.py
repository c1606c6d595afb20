"""API tokens: which there are, a new one (shown once), the end of one."""

from __future__ import annotations

import contextlib
import uuid
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Response

from appliance.accounts.api_tokens import LONGEST_NAME, ApiTokens
from appliance.accounts.permissions import PERMISSIONS
from appliance.admin.forms import Form
from appliance.admin.headers import MOUNT
from appliance.admin.render import page, part
from appliance.admin.security import MayWriteTokens, PageContext
from appliance.core.clock import utcnow
from appliance.core.errors import NotFound, ValidationFailed
from appliance.core.validation import parsed
from appliance.staff.tokens.schemas import NewToken

router = APIRouter(prefix="/settings/tokens")

PAGE = f"{MOUNT}/settings/tokens"
LIVES = (7, 30, 90, 365)  # days
_USUAL_LIFE = 90


@router.get("")
async def tokens_page(context: MayWriteTokens) -> Response:
    """The page."""
    return page(context, "tokens.html", **await _values(context))


@router.post("")
async def make(context: MayWriteTokens) -> Response:
    """Make a token; its text is on the page this once."""
    form = await context.form()
    try:
        new = parsed(NewToken, _typed(form))
        _, text = await context.service(ApiTokens).make(new.name, new.scopes, new.expires_at, context.person)
    except ValidationFailed as refused:
        fields = {name.partition(".")[0]: text for name, text in (refused.fields or {}).items()}
        return await _answer(context, status=422, typed=form, errors=fields)
    toast = context.language.gettext("tokens.made")
    return await _answer(context, toast=toast, made={"name": new.name, "text": text})


@router.post("/{token_id}/revoke")
async def revoke(token_id: uuid.UUID, context: MayWriteTokens) -> Response:
    """End a token; one that is gone already is gone."""
    with contextlib.suppress(NotFound):
        await context.service(ApiTokens).revoke(token_id, context.person)
    if not context.is_htmx:
        return context.redirect(PAGE, "token_revoked")
    return await _answer(context, toast=context.language.gettext("notice.token_revoked"))


async def _answer(
    context: PageContext, *, status: int = 200, toast: str | None = None, **more: Any
) -> Response:
    values = await _values(context, **more)
    if not context.is_htmx:
        return page(context, "tokens.html", status=status, **values)
    return part(context, "_tokens.html", status=status, toast=toast, **values)


async def _values(context: PageContext, **more: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {"typed": Form([]), "errors": {}, "made": None}
    return {
        "tokens": await context.service(ApiTokens).all(),
        "now": utcnow(),
        "scopes": [one for one in PERMISSIONS if context.may(one)],
        "lives": LIVES,
        "usual_life": _USUAL_LIFE,
        "longest_name": LONGEST_NAME,
        "own": PAGE,
        **empty,
        **more,
    }


def _typed(form: Form) -> dict[str, Any]:
    days = form.text("days")
    life = timedelta(days=int(days)) if days.isdecimal() and int(days) in LIVES else timedelta(0)
    return {"name": form.text("name"), "scopes": form.every("scopes"), "expires_at": utcnow() + life}
