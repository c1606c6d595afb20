"""Who makes a request, for routes: ``Annotated[Principal, Depends(requires("slots:read"))]``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request, Response, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from appliance.accounts.permissions import Permission, Principal
from appliance.accounts.sessions import SessionService
from appliance.accounts.throttle import Client
from appliance.core.clients import client_address
from appliance.core.errors import ErrorCode, NotAuthenticated, PermissionDenied
from appliance.core.injection import service_of

DEVICE_COOKIE = "photochanger_device"
REFRESH_COOKIE = "photochanger_refresh"

# What a route behind `requires(…)` can answer besides its own errors.
AUTH_ERRORS = (
    ErrorCode.NOT_AUTHENTICATED,
    ErrorCode.TOKEN_EXPIRED,
    ErrorCode.PERMISSION_DENIED,
    ErrorCode.DATABASE_UNAVAILABLE,
)

bearer_scheme = HTTPBearer(
    auto_error=False, bearerFormat="JWT", description="the access token of `POST /api/login`"
)


def client_of(request: Request) -> Client:
    """Where a request comes from, as the login throttle wants to know it."""
    return Client(client_address(request), request.cookies.get(DEVICE_COOKIE))


async def current_principal(
    request: Request,
    response: Response,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_scheme)],
) -> Principal:
    """Who is logged in; raises ``NotAuthenticated`` or ``TokenExpired``. No cache keeps the answer."""
    if bearer is None:
        raise NotAuthenticated
    response.headers["Cache-Control"] = "no-store"
    sessions = service_of(request, SessionService)
    return await sessions.authenticate(bearer.credentials, client_address(request))


def requires(permission: Permission) -> Callable[[Principal], Awaitable[Principal]]:
    """A dependency that gives who is logged in and raises ``PermissionDenied`` unless they may.

    The permission is given as a scope too, so that the OpenAPI description names it.
    """

    async def permitted(who: Principal = Security(current_principal, scopes=[permission])) -> Principal:
        if not who.may(permission):
            raise PermissionDenied(f"The account {who.username!r} may not do that: it lacks {permission}.")
        return who

    return permitted
