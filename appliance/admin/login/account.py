"""One's own account: a new password, the language and the looks of the pages."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from appliance.accounts.login import MIN_PASSWORD_CHARS, LoginService
from appliance.admin.errors import LOGIN, is_page
from appliance.admin.headers import MOUNT
from appliance.admin.render import page
from appliance.admin.security import (
    A_YEAR,
    LANGUAGE_COOKIE,
    THEME_COOKIE,
    THEMES,
    Anybody,
    PageContext,
    SignedIn,
    begin_session,
)
from appliance.core.errors import InvalidCredentials, TooManyLogins, ValidationFailed
from appliance.core.language import Message, languages

router = APIRouter()

_LONGEST = 1024


def _password_page(context: PageContext, status: int = 200, **values: Any) -> Response:
    empty: dict[str, Any] = {"fields": {}, "error": None, "least": MIN_PASSWORD_CHARS}
    return page(context, "password.html", status=status, **(empty | values))


@router.get("/password")
async def password_page(context: SignedIn) -> Response:
    """The form for a new password."""
    return _password_page(context)


@router.post("/password")
async def change_password(context: SignedIn) -> Response:
    """Give oneself a new password; every other session ends."""
    form = await context.form()
    current, new, again = (form.get(name, "")[:_LONGEST] for name in ("current", "new", "again"))
    if new != again:
        return _password_page(context, 422, fields={"again": Message("does not match")})
    try:
        grant = await context.service(LoginService).change_password(context.person, current, new)
    except (ValidationFailed, InvalidCredentials) as refused:
        names = {"new_password": "new", "current_password": "current"}
        fields = {names.get(name, name): text for name, text in (refused.fields or {}).items()}
        return _password_page(context, refused.status_code, fields=fields)
    except TooManyLogins as refused:
        return _password_page(context, refused.status_code, error=refused)
    begin_session(context.request, grant)
    return context.redirect(f"{MOUNT}/", "password_changed")


@router.post("/preferences")
async def preferences(context: Anybody) -> Response:
    """Choose the language or the looks, on this device, and go back to where one was."""
    form = await context.form()
    for name, cookie, known in (
        ("language", LANGUAGE_COOKIE, tuple(languages("staff"))),
        ("theme", THEME_COOKIE, THEMES),
    ):
        if form.text(name) in known:
            context.jar.put(cookie, form.text(name), seconds=A_YEAR)
    back = form.text("back")
    return context.redirect(back if is_page(back) else LOGIN)
