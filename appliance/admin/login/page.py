"""Logging in and out."""

from __future__ import annotations

from fastapi import APIRouter, Response

from appliance.accounts.login import LoginService
from appliance.accounts.sessions import Grant, SessionService
from appliance.accounts.tokens import DEVICE_LIFE
from appliance.admin.errors import LOGIN, PASSWORD, is_page
from appliance.admin.headers import MOUNT
from appliance.admin.render import page
from appliance.admin.security import Anybody, SignedIn, begin_session, end_session
from appliance.core.errors import ApplianceError, InvalidCredentials, TooManyLogins
from appliance.core.installation import cookie_name
from appliance.staff.access import DEVICE_COOKIE, client_of

router = APIRouter()

_LONGEST = 1024


@router.get("/login")
async def login_page(context: Anybody, next: str = "") -> Response:  # noqa: A002 - the address says so
    """The form, or onwards for who is logged in already."""
    if context.who is not None:
        return context.redirect(_onward(next))
    return page(context, "login.html", username="", next=next, error=None)


@router.post("/login")
async def log_in(context: Anybody) -> Response:
    """Open a session; a refusal shows the form again and says why."""
    form = await context.form()
    username, password, after = form.text("username"), form.get("password", ""), form.text("next")
    error: ApplianceError
    try:
        if not username or not password or len(username) > 64 or len(password) > _LONGEST:
            raise InvalidCredentials  # noqa: TRY301 - the same answer in the same place
        grant = await context.service(LoginService).login(username, password, client_of(context.request))
    except (InvalidCredentials, TooManyLogins) as refused:
        error = refused
    else:
        begin_session(context.request, grant)
        _remember_device(context, grant)
        return context.redirect(PASSWORD if grant.must_change_password else _onward(after))
    answer = page(context, "login.html", status=error.status_code, username=username, next=after, error=error)
    if error.retry_after is not None:
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer


@router.get("/token")
async def token(context: SignedIn) -> dict[str, str]:
    """What changes bring along in this session: for a page that was open before the session began."""
    return {"csrf": context.csrf_token}


@router.post("/logout")
async def log_out(context: SignedIn) -> Response:
    """End this session."""
    await context.service(SessionService).end(context.person)
    end_session(context.request)
    return context.redirect(LOGIN, "logged_out")


@router.post("/logout-everywhere")
async def log_out_everywhere(context: SignedIn) -> Response:
    """End every session of this account."""
    await context.service(SessionService).end_all(context.person)
    end_session(context.request)
    return context.redirect(LOGIN, "logged_out_everywhere")


def _remember_device(context: Anybody, grant: Grant) -> None:
    """The browser keeps an allowance of its own, which no stranger can use up."""
    if grant.device_token:
        context.jar.put(
            cookie_name(context.request, DEVICE_COOKIE),
            grant.device_token,
            seconds=int(DEVICE_LIFE.total_seconds()),
            path=LOGIN,
        )


def _onward(after: str) -> str:
    """``after`` if it is one of our pages, else the dashboard: the address bar is anybody's."""
    return after if is_page(after) and not after.startswith(LOGIN) else f"{MOUNT}/"
