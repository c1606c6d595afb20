"""``/api/login`` and what belongs to a session (UC0)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials

from appliance.accounts.login import LoginService
from appliance.accounts.permissions import Principal
from appliance.accounts.sessions import Grant, SessionService
from appliance.accounts.throttle import Client
from appliance.accounts.tokens import DEVICE_LIFE
from appliance.core.clients import client_address
from appliance.core.clock import utcnow
from appliance.core.errors import ErrorCode, NotAuthenticated
from appliance.core.injection import Injected
from appliance.core.installation import cookie_name, read_cookie
from appliance.core.language import Message
from appliance.core.openapi import error_responses
from appliance.staff.access import (
    DEVICE_COOKIE,
    REFRESH_COOKIE,
    bearer_scheme,
    client_of,
    current_person,
    current_principal,
)
from appliance.staff.login.schemas import AccessGrant, LoginRequest, Me, PasswordChange

router = APIRouter(prefix="/api", tags=["accounts"])

_SESSION_ERRORS = (ErrorCode.NOT_AUTHENTICATED, ErrorCode.TOKEN_EXPIRED, ErrorCode.DATABASE_UNAVAILABLE)
_COOKIE_HEADER: dict[str, Any] = {
    "Set-Cookie": {
        "schema": {"type": "string"},
        "description": f"`HttpOnly; SameSite=Strict`: `photochanger_…_{REFRESH_COOKIE}`, "
        f"at a login `photochanger_…_{DEVICE_COOKIE}` too",
    }
}
_GRANTED: dict[int | str, dict[str, Any]] = {200: {"headers": _COOKIE_HEADER}}
_ENDED: dict[int | str, dict[str, Any]] = {204: {"description": "Logged out", "headers": _COOKIE_HEADER}}

Who = Annotated[Principal, Depends(current_principal)]
Person = Annotated[Principal, Depends(current_person)]
From = Annotated[Client, Depends(client_of)]

Logins = Injected[LoginService]
Sessions = Injected[SessionService]


@router.post(
    "/login",
    summary="Log in",
    responses=_GRANTED
    | error_responses(
        ErrorCode.INVALID_CREDENTIALS,
        ErrorCode.VALIDATION_FAILED,
        ErrorCode.TOO_MANY_LOGINS,
        ErrorCode.DATABASE_UNAVAILABLE,
    ),
)
async def login(
    request: Request, response: Response, body: LoginRequest, client: From, service: Logins
) -> AccessGrant:
    """Proves a password and opens a session. The access token lives for minutes; the refresh cookie
    continues the session. A wrong password and an unknown account are told apart by nothing.
    """
    grant = await service.login(body.username, body.password.get_secret_value(), client)
    return _granted(request, response, grant)


@router.post("/refresh", summary="Continue a session", responses=_GRANTED | error_responses(*_SESSION_ERRORS))
async def refresh(request: Request, response: Response, sessions: Sessions) -> AccessGrant:
    """Takes the refresh cookie, gives a new access token and the next refresh cookie. A cookie
    that was used before ends the session: it was stolen, from one side or the other.
    """
    cookie = read_cookie(request, REFRESH_COOKIE)
    if cookie is None:
        raise NotAuthenticated(Message("There is no refresh cookie. Log in."))
    return _granted(request, response, await sessions.refresh(cookie, client_address(request)))


@router.post(
    "/logout",
    summary="Log out",
    status_code=204,
    responses=_ENDED | error_responses(*_SESSION_ERRORS),
)
async def logout(
    request: Request,
    response: Response,
    sessions: Sessions,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_scheme)],
) -> None:
    """Ends the session of the access token, or of the refresh cookie when there is no token. Its
    tokens are refused from then on.
    """
    address, cookie = client_address(request), read_cookie(request, REFRESH_COOKIE)
    if bearer is not None:
        await sessions.end(await sessions.authenticate(bearer.credentials, address))
    elif cookie is not None:
        await sessions.end_by_refresh(cookie, address)
    else:
        raise NotAuthenticated
    response.delete_cookie(cookie_name(request, REFRESH_COOKIE), httponly=True, samesite="strict")


@router.post(
    "/logout-everywhere",
    summary="Log out everywhere",
    status_code=204,
    responses=_ENDED | error_responses(*_SESSION_ERRORS, ErrorCode.PERMISSION_DENIED),
)
async def logout_everywhere(request: Request, response: Response, who: Person, sessions: Sessions) -> None:
    """Ends every session of the account, this one too."""
    await sessions.end_all(who)
    response.delete_cookie(cookie_name(request, REFRESH_COOKIE), httponly=True, samesite="strict")


@router.post(
    "/password",
    summary="Change one's own password",
    responses=_GRANTED
    | error_responses(
        ErrorCode.INVALID_CREDENTIALS,
        ErrorCode.VALIDATION_FAILED,
        ErrorCode.TOO_MANY_LOGINS,
        ErrorCode.PERMISSION_DENIED,
        *_SESSION_ERRORS,
    ),
)
async def change_password(
    request: Request, response: Response, body: PasswordChange, who: Person, service: Logins
) -> AccessGrant:
    """Ends every session of the account and opens a new one for this client: go on with the token
    in the answer.
    """
    grant = await service.change_password(
        who, body.current_password.get_secret_value(), body.new_password.get_secret_value()
    )
    return _granted(request, response, grant)


@router.get("/me", summary="Who is logged in", responses=error_responses(*_SESSION_ERRORS))
async def me(who: Who) -> Me:
    """The account behind the access token and what it may do now."""
    return Me(
        username=who.account,
        role=who.role,
        permissions=sorted(who.permissions),
        must_change_password=who.must_change_password,
    )


def _granted(request: Request, response: Response, grant: Grant) -> AccessGrant:
    """The answer's body; its cookies are sent back over HTTPS only if they came over HTTPS."""
    secure = request.url.scheme == "https"
    left = int((grant.refresh_expires_at - utcnow()).total_seconds())
    response.set_cookie(
        cookie_name(request, REFRESH_COOKIE),
        grant.refresh_token,
        max_age=left,
        httponly=True,
        samesite="strict",
        secure=secure,
    )
    if grant.device_token:
        response.set_cookie(
            cookie_name(request, DEVICE_COOKIE),
            grant.device_token,
            max_age=int(DEVICE_LIFE.total_seconds()),
            path="/api/login",
            httponly=True,
            samesite="strict",
            secure=secure,
        )
    return AccessGrant(
        access_token=grant.access_token,
        expires_in=grant.expires_in,
        permissions=grant.permissions,
        must_change_password=grant.must_change_password,
    )
