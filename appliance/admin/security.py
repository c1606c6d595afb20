"""Who looks at a page: the session in two ``HttpOnly`` cookies, and the token of every change.

The access cookie lives for minutes, the refresh cookie continues the session without anybody
noticing; both stay below ``/admin``. Every change carries a token made from a secret cookie and the
session's id: a page of another site can neither read nor guess it, and one that plants a cookie of its own
does not know the session.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse

from appliance.accounts.permissions import Permission, Principal
from appliance.accounts.sessions import Grant, SessionService
from appliance.admin.forms import LARGEST, Form, read_form
from appliance.admin.headers import MOUNT, CookieJar, jar_of
from appliance.core.clients import client_address
from appliance.core.clock import utcnow
from appliance.core.errors import CsrfFailed, NotAuthenticated, PermissionDenied, TokenExpired
from appliance.core.injection import service_of
from appliance.core.installation import cookie_name, read_cookie
from appliance.core.language import Language, choose, languages

# Read and set by ``core/installation.py``, under names of this installation.
ACCESS_COOKIE = "page"
REFRESH_COOKIE = "page_refresh"
CSRF_COOKIE = "csrf"
NOTICE_COOKIE = "notice"
# What every appliance on a host may share.
LANGUAGE_COOKIE = "photochanger_language"
THEME_COOKIE = "photochanger_theme"

CSRF_FIELD, CSRF_HEADER = "csrf", "x-csrf-token"
THEMES = ("auto", "light", "dark")
A_YEAR = 365 * 24 * 3600
_OPEN = frozenset({f"{MOUNT}/login", f"{MOUNT}/preferences"})  # where nobody has to be logged in
LARGEST_OF_STRANGERS = 16 * 1024  # bytes of a form: reading 256 kB keeps photos waiting for 15 ms
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_UNTOUCHED = frozenset({"same-origin", "none"})


_Kind = TypeVar("_Kind")


class PasswordMustChange(Exception):
    """The account still has the password that was made for it."""


@dataclass(frozen=True, slots=True)
class PageContext:
    """What every page needs to know of a request: language, theme, and who is logged in."""

    request: Request
    language: Language
    theme: str
    csrf_secret: str
    who: Principal | None = None
    had_session: bool = False

    @property
    def person(self) -> Principal:
        """Who is logged in, on pages that only open for them."""
        assert self.who is not None  # noqa: S101 - ``signed_in`` saw to it
        return self.who

    @property
    def csrf_token(self) -> str:
        """What a change must bring along."""
        session = str(self.who.session_id) if self.who else "nobody"
        return hmac.digest(self.csrf_secret.encode(), session.encode(), "sha256").hex()

    @property
    def jar(self) -> CookieJar:
        """The cookies of the answer."""
        return jar_of(self.request)

    def service(self, kind: type[_Kind]) -> _Kind:
        """The running appliance's ``kind``."""
        return service_of(self.request, kind)

    async def form(self) -> Form:
        """What was sent; see ``read_form``."""
        return await read_form(self.request)

    @property
    def is_htmx(self) -> bool:
        """Whether a part of a page is wanted, not a page."""
        return is_htmx(self.request)

    def may(self, permission: Permission) -> bool:
        """Whether who is logged in has ``permission``."""
        return self.who is not None and self.who.may(permission)

    def notice(self, key: str) -> None:
        """Show the toast ``notice.{key}`` on the next page."""
        self.jar.put(cookie_name(self.request, NOTICE_COOKIE), key, seconds=60)

    def redirect(self, url: str, notice: str = "") -> RedirectResponse:
        """To another page, which shows the toast of that name."""
        if notice:
            self.notice(notice)
        return RedirectResponse(url, 303)


def is_htmx(request: Request) -> bool:
    """Whether HTMX asks, for a part of the page it is on."""
    return request.headers.get("hx-request") == "true"


def nobody(request: Request) -> PageContext:
    """The context before anybody asked who it is: language and theme alone."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    theme = request.cookies.get(THEME_COOKIE, "")
    return PageContext(
        request=request,
        language=choose(languages("staff"), chosen, request.headers.get("accept-language", "")),
        theme=theme if theme in THEMES else "auto",
        csrf_secret=_csrf_secret(request),
    )


def _csrf_secret(request: Request) -> str:
    """The browser's secret; a new one for a new browser, the same all through one request."""
    known = read_cookie(request, CSRF_COOKIE) or ""
    if len(known) >= 32:
        return known
    if isinstance(made := getattr(request.state, "csrf_secret", None), str):
        return made
    made = secrets.token_urlsafe(32)
    request.state.csrf_secret = made
    jar_of(request).put(cookie_name(request, CSRF_COOKIE), made)
    return made


async def page_context(request: Request) -> PageContext:
    """The context with who it is, whose session is continued if need be. Nobody is no error here."""
    plain = nobody(request)
    who = await _session(request, service_of(request, SessionService))
    had = any(read_cookie(request, name) is not None for name in (ACCESS_COOKIE, REFRESH_COOKIE))
    known = PageContext(request, plain.language, plain.theme, plain.csrf_secret, who, had)
    request.state.page_context = known
    return known


def context_of(request: Request) -> PageContext:
    """The context as far as it is known: for error pages."""
    known = getattr(request.state, "page_context", None)
    return known if isinstance(known, PageContext) else nobody(request)


async def _session(request: Request, sessions: SessionService) -> Principal | None:
    access, refresh = read_cookie(request, ACCESS_COOKIE), read_cookie(request, REFRESH_COOKIE)
    address = client_address(request)
    try:
        if access:
            request.state.access_token = access
            return await sessions.authenticate(access, address)
    except (NotAuthenticated, TokenExpired):
        pass
    if not refresh:
        return None
    try:
        grant = await sessions.refresh(refresh, address)
        begin_session(request, grant)
        return await sessions.authenticate(grant.access_token, address)
    except (NotAuthenticated, TokenExpired):
        end_session(request)
        return None


def begin_session(request: Request, grant: Grant) -> None:
    """Set the cookies of a session."""
    jar = jar_of(request)
    request.state.access_token = grant.access_token
    left = int((grant.refresh_expires_at - utcnow()).total_seconds())
    jar.put(cookie_name(request, ACCESS_COOKIE), grant.access_token, seconds=grant.expires_in)
    jar.put(cookie_name(request, REFRESH_COOKIE), grant.refresh_token, seconds=left)


def end_session(request: Request) -> None:
    """Take the cookies of a session back."""
    for name in (ACCESS_COOKIE, REFRESH_COOKIE, CSRF_COOKIE):
        jar_of(request).drop(cookie_name(request, name))


Anybody = Annotated[PageContext, Depends(page_context)]


async def protect(context: Anybody) -> None:
    """Every change brings its token, in a header or in its form; raises ``CsrfFailed``.

    Of strangers, a small form is read, and only where they may send one.
    """
    request = context.request
    if request.method in _SAFE:
        return
    from_here = request.headers.get("sec-fetch-site", "none") in _UNTOUCHED
    is_open = request.url.path in _OPEN
    if context.who is not None or is_open:
        largest = LARGEST_OF_STRANGERS if is_open else LARGEST
        given = request.headers.get(CSRF_HEADER) or (await read_form(request, largest)).get(CSRF_FIELD, "")
        if from_here and hmac.compare_digest(given.encode(), context.csrf_token.encode()):
            return
    if from_here and context.who is None and (context.had_session or context.is_htmx):
        raise TokenExpired  # the browser forgets the cookies of a session that is over
    raise CsrfFailed


async def signed_in(context: Anybody) -> PageContext:
    """Somebody who is logged in, whatever they may do; raises ``NotAuthenticated``."""
    if context.who is None:
        raise TokenExpired if context.had_session else NotAuthenticated
    return context


SignedIn = Annotated[PageContext, Depends(signed_in)]


def allowed(permission: Permission) -> Callable[[PageContext], Awaitable[PageContext]]:
    """A dependency: logged in, with a password of their own, and permitted.

    Raises ``NotAuthenticated``, ``PasswordMustChange`` or ``PermissionDenied``.
    """

    async def permitted(context: SignedIn) -> PageContext:
        if context.person.must_change_password:
            raise PasswordMustChange
        if not context.may(permission):
            raise PermissionDenied
        return context

    return permitted


# The page of somebody who may.
MayModerateResults = Annotated[PageContext, Depends(allowed("results:moderate"))]
MayPauseSlots = Annotated[PageContext, Depends(allowed("slots:pause"))]
MayReadAudit = Annotated[PageContext, Depends(allowed("audit:read"))]
MayReadJobs = Annotated[PageContext, Depends(allowed("jobs:read"))]
MayReadMedia = Annotated[PageContext, Depends(allowed("media:read"))]
MayReadResults = Annotated[PageContext, Depends(allowed("results:read"))]
MayReadSettings = Annotated[PageContext, Depends(allowed("settings:read"))]
MayReadSlots = Annotated[PageContext, Depends(allowed("slots:read"))]
MayTestSlots = Annotated[PageContext, Depends(allowed("slots:test"))]
MayWriteMedia = Annotated[PageContext, Depends(allowed("media:write"))]
MayWriteResults = Annotated[PageContext, Depends(allowed("results:write"))]
MayWriteSettings = Annotated[PageContext, Depends(allowed("settings:write"))]
MayWriteSlots = Annotated[PageContext, Depends(allowed("slots:write"))]
MayWriteTokens = Annotated[PageContext, Depends(allowed("tokens:write"))]
