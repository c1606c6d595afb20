"""Failures as a person meets them: a page, a toast for HTMX, or the way to the login."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from appliance.admin.headers import MOUNT
from appliance.admin.render import failure_words, html, page
from appliance.admin.security import PageContext, PasswordMustChange, context_of, is_htmx
from appliance.core.error_handlers import error_response, retry_headers
from appliance.core.errors import ApplianceError, NotAuthenticated, TokenExpired
from appliance.core.language import DEFAULT, Message

LOGIN, PASSWORD = f"{MOUNT}/login", f"{MOUNT}/password"


async def error_page(request: Request, error: ApplianceError) -> Response:
    """The answer to a failed request, in the form that the page can show."""
    if request.url.path == f"{MOUNT}/events":
        return error_response(error)
    context = context_of(request)
    if isinstance(error, NotAuthenticated | TokenExpired):
        return _to_login(request, context)
    if is_htmx(request):
        content = html(
            context, "_toast.html", kind="bad", error=error, oob=False, **explained(context, error)
        )
        headers = {**retry_headers(error), "X-Error-Code": str(error.code)}
        return HTMLResponse(content, status_code=error.status_code, headers=headers)
    response = page(context, "error.html", status=error.status_code, error=error, **explained(context, error))
    response.headers.update(retry_headers(error))
    return response


def explained(context: PageContext, error: ApplianceError) -> dict[str, str]:
    """What is wrong and what to do, in the visitor's language.

    ``core/failures.py`` says it for every code; a failure may have closer words of its own.
    """
    known = failure_words(context, error.code)
    said, language = error.message, context.language
    own = isinstance(said, Message) and (language.code == DEFAULT or language.has(said.template))
    text = language.message(said) if own else known["text"]
    if error.fields:
        text += " " + " ".join(
            f"{name}: {language.message(finding).removesuffix('.')}."
            for name, finding in error.fields.items()
        )
    return {**known, "text": text}


def _to_login(request: Request, context: PageContext) -> Response:
    """To the login page and back here afterwards.

    What a person was filling in stays on the page: a change answers with a toast that leads to
    the login in another tab.
    """
    if is_htmx(request):
        if request.method != "GET":
            return HTMLResponse(html(context, "_login_toast.html", url=LOGIN), status_code=401)
        return Response(headers={"HX-Redirect": _back_from(request.headers.get("hx-current-url", ""))})
    target = LOGIN if request.method != "GET" else login_url(request.url.path, request.url.query)
    if request.headers.get("sec-fetch-site") == "cross-site" and not context.had_session:
        # Strict cookies stay at home when a link on another site is followed; they come with the next hop.
        return Response(headers={"Refresh": f"0; url={target}"})
    return RedirectResponse(target, 303)


def _back_from(current: str) -> str:
    """The login page for somebody who was at ``current``, as their browser says."""
    try:
        there = urlsplit(current)
    except ValueError:
        return LOGIN
    return login_url(there.path, there.query)


def login_url(path: str, query: str) -> str:
    """The login page, which leads on to this page of ours afterwards."""
    after = f"{path}?{query}" if query else path
    if not after.startswith(f"{MOUNT}/") or after == f"{MOUNT}/":
        return LOGIN
    return f"{LOGIN}?next={quote(after, safe='')}"


def is_page(address: str) -> bool:
    """Whether a path that a form or the address bar names is one of our pages."""
    return address.startswith(f"{MOUNT}/") and address.isprintable() and "\\" not in address


def must_change(request: Request, _: PasswordMustChange) -> Response:
    """Nothing can be done with a password that somebody else has seen."""
    if is_htmx(request):
        return Response(status_code=200, headers={"HX-Redirect": PASSWORD})
    return RedirectResponse(PASSWORD, 303)
