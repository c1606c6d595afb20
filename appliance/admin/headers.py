"""What every answer below ``/admin`` carries: security headers, and the cookies that a page set."""

from __future__ import annotations

from typing import Literal

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOUNT = "/admin"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Vary": "Cookie, Accept-Language, HX-Request",
}
# Browsers heed it over HTTPS alone and complain about it anywhere else.
_ONLY_OVER_HTTPS = {"Cross-Origin-Opener-Policy": "same-origin"}

SameSite = Literal["strict", "lax"]


class CookieJar:
    """Cookies to be set with the answer, whatever the answer will be."""

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure
        self._cookies: dict[str, list[tuple[bytes, bytes]]] = {}

    def put(self, name: str, value: str, *, seconds: int | None = None, path: str = MOUNT) -> None:
        """Set a cookie that only we can read, until the browser closes or for ``seconds``."""
        carrier = Response()
        carrier.set_cookie(
            name, value, max_age=seconds, path=path, httponly=True, samesite="strict", secure=self._secure
        )
        self._cookies[name] = _set_cookie(carrier)

    def drop(self, name: str) -> None:
        """Let the browser forget a cookie."""
        carrier = Response()
        carrier.delete_cookie(name, path=MOUNT, httponly=True, samesite="strict", secure=self._secure)
        self._cookies[name] = _set_cookie(carrier)

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The ``Set-Cookie`` headers."""
        return [header for headers in self._cookies.values() for header in headers]


def _set_cookie(carrier: Response) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in carrier.raw_headers if name == b"set-cookie"]


def jar_of(request: Request) -> CookieJar:
    """The cookies that the answer to ``request`` will set."""
    jar: CookieJar = request.scope["state"]["admin_jar"]
    return jar


class PageHeaders:
    """Wraps the pages from outside, error pages and all."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        over_https = scope.get("scheme") == "https"
        jar = scope.setdefault("state", {})["admin_jar"] = CookieJar(secure=over_https)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in (_HEADERS | (_ONLY_OVER_HTTPS if over_https else {})).items():
                    headers.setdefault(name, value)
                headers.raw.extend(jar.headers())
            await send(message)

        await self.app(scope, receive, send_with_headers)
