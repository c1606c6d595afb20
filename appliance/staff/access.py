"""Who makes a request, for routes: ``who: MayReadSlots``."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from appliance.accounts.api_tokens import ApiTokens, is_api_token
from appliance.accounts.permissions import Permission, Principal
from appliance.accounts.sessions import SessionService
from appliance.accounts.throttle import Client
from appliance.core.clients import client_address
from appliance.core.error_handlers import error_response, from_database
from appliance.core.errors import ApplianceError, ErrorCode, NotAuthenticated, PermissionDenied, TokenExpired
from appliance.core.injection import Services, service_of
from appliance.core.installation import read_cookie
from appliance.core.language import Message, choose, languages

# Read and set by ``core/installation.py``, under names of this installation.
DEVICE_COOKIE = "device"
REFRESH_COOKIE = "refresh"

# What a route behind `requires(…)` can answer besides its own errors.
AUTH_ERRORS = (
    ErrorCode.NOT_AUTHENTICATED,
    ErrorCode.TOKEN_EXPIRED,
    ErrorCode.PERMISSION_DENIED,
    ErrorCode.DATABASE_UNAVAILABLE,
)

_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_STAFF = re.compile(r"/api/(?!(?:login|refresh|logout)$|ingest/)")  # where nobody gets in without a token

bearer_scheme = HTTPBearer(
    auto_error=False, bearerFormat="JWT", description="access token from `POST /api/login`, or an API token"
)


def client_of(request: Request) -> Client:
    """Where a request comes from, as the login throttle wants to know it."""
    return Client(client_address(request), read_cookie(request, DEVICE_COOKIE))


def language_of(request: Request) -> str:
    """The code of the language in which a request is answered, where an answer has words for people."""
    return choose(languages("staff"), None, request.headers.get("accept-language", "")).code


class LoginFirst:
    """Tells strangers that they are strangers before anybody reads their body.

    The framework parses a body before it asks who sent it; here only the token is looked at. Whether
    its session still stands and may do what it asks is for ``requires`` to say.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] in _WITH_BODY and _STAFF.match(scope["path"]):
            scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
            refused = await _refused(scope["state"]["services"], token if scheme.lower() == "bearer" else "")
            if refused is not None:
                await error_response(refused)(scope, receive, send)
                return
        await self.app(scope, receive, send)


async def _refused(services: Services, token: str) -> ApplianceError | None:
    """Why nobody reads on, if so: an API token is looked up, of an access token the signature is enough."""
    try:
        if is_api_token(token):
            await services[ApiTokens].recognise(token)
        else:
            services[SessionService].recognise(token)
    except (NotAuthenticated, TokenExpired) as error:
        return error
    except Exception as error:
        if (known := from_database(error)) is None:
            raise
        return known
    return None


async def current_principal(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_scheme)],
) -> Principal:
    """Who is logged in; raises ``NotAuthenticated`` or ``TokenExpired``."""
    if bearer is None:
        raise NotAuthenticated
    if is_api_token(bearer.credentials):
        tokens = service_of(request, ApiTokens)
        return await tokens.authenticate(bearer.credentials, client_address(request))
    sessions = service_of(request, SessionService)
    return await sessions.authenticate(bearer.credentials, client_address(request))


async def current_person(who: Annotated[Principal, Depends(current_principal)]) -> Principal:
    """Who is logged in by a password; raises ``PermissionDenied`` for an API token."""
    if who.token_of:
        raise PermissionDenied(Message("An API token may not do that: log in."))
    return who


def requires(permission: Permission) -> Callable[[Principal], Awaitable[Principal]]:
    """A dependency that gives who is logged in and raises ``PermissionDenied`` unless they may.

    The permission is given as a scope too, so that the OpenAPI description names it.
    """

    async def permitted(who: Principal = Security(current_principal, scopes=[permission])) -> Principal:
        if not who.may(permission):
            raise PermissionDenied(
                Message(
                    "The account '%(name)s' may not do that: it lacks %(permission)s.",
                    name=who.username,
                    permission=permission,
                )
            )
        return who

    return permitted


# Who is logged in, where they may.
MayModerateResults = Annotated[Principal, Depends(requires("results:moderate"))]
MayPauseSlots = Annotated[Principal, Depends(requires("slots:pause"))]
MayReadAudit = Annotated[Principal, Depends(requires("audit:read"))]
MayReadJobs = Annotated[Principal, Depends(requires("jobs:read"))]
MayReadMedia = Annotated[Principal, Depends(requires("media:read"))]
MayReadResults = Annotated[Principal, Depends(requires("results:read"))]
MayReadSettings = Annotated[Principal, Depends(requires("settings:read"))]
MayReadSlots = Annotated[Principal, Depends(requires("slots:read"))]
MayTestSlots = Annotated[Principal, Depends(requires("slots:test"))]
MayWriteMedia = Annotated[Principal, Depends(requires("media:write"))]
MayWriteResults = Annotated[Principal, Depends(requires("results:write"))]
MayWriteSettings = Annotated[Principal, Depends(requires("settings:write"))]
MayWriteSlots = Annotated[Principal, Depends(requires("slots:write"))]
MayWriteTokens = Annotated[Principal, Depends(requires("tokens:write"))]
