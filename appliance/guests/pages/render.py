"""Guests' pages: one Jinja2 environment, a strict policy, the guest's language."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from appliance import __version__
from appliance.core.clock import stamp, utcnow
from appliance.core.kept_answers import keep
from appliance.core.language import FOLDER as WORDS_FOLDER
from appliance.core.language import Language, choose, offered
from appliance.core.public_base import base_urls_of
from appliance.settings.operator import OperatorSettings

LANGUAGE_COOKIE = "guest_language"
LOGO_PATH = "/public/event/logo"
_YEAR = 365 * 24 * 3600
_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_FOLDER = Path(__file__).parent
_TEMPLATES = Environment(
    loader=FileSystemLoader(_FOLDER),
    autoescape=select_autoescape(("html",), default=False),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    extensions=["jinja2.ext.i18n"],
)


def _edition() -> str:
    digest = hashlib.sha256(__version__.encode())
    for path in sorted([*_FOLDER.iterdir(), *(WORDS_FOLDER / "guests").glob("*.po")]):
        if path.suffix in (".html", ".css", ".js", ".po"):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


EDITION = _edition()  # a page that stays open for hours loads itself anew when this changes


def moment(language: Language, value: datetime) -> Markup:
    """A time in the venue's zone, by weekday where that is plain; the page's script puts it into the
    phone's own zone and words.
    """
    here = value.astimezone()
    near = timedelta(0) <= here - utcnow() < timedelta(days=6)
    day = language.weekday(here.weekday()) if near else f"{here:%Y-%m-%d}"
    return Markup('<time datetime="{}">{}</time>').format(
        stamp(value, seconds=True), f"{day} {here:%H:%M %Z}"
    )


_TEMPLATES.globals["moment"] = moment


def language_for(request: Request, settings: OperatorSettings) -> tuple[Language, Mapping[str, Language]]:
    """The guest's language, and those to choose from."""
    available = offered("guests", settings.guest_languages)
    asked = request.query_params.get("lang") or request.cookies.get(LANGUAGE_COOKIE)
    return choose(available, asked, request.headers.get("accept-language", "")), available


def base_for(request: Request, settings: OperatorSettings) -> str:
    """The base of links for other phones."""
    return base_urls_of(request).guests(settings.public_base_url)


def page(
    request: Request,
    settings: OperatorSettings,
    template: str,
    /,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    kept: bool = False,
    **values: Any,
) -> HTMLResponse:
    """A whole page in the guest's language, with its headers; ``kept``: others may be given it as well."""
    language, available = language_for(request, settings)
    nonce = secrets.token_urlsafe(12)
    text = _TEMPLATES.get_template(template).render(
        language=language,
        gettext=language.gettext,
        has_text=language.has,
        languages=available.values(),
        nonce=nonce,
        event_title=settings.event_title,
        logo=LOGO_PATH if settings.event_logo else None,
        path=request.url.path,
        corner=settings.ai_sign_corner.split("-"),
        sign_percent=settings.ai_sign_percent,
        **values,
    )
    answer = HTMLResponse(
        text,
        status_code=status,
        headers={
            "Content-Security-Policy": _POLICY.format(nonce=nonce),
            "Content-Language": language.code,
            "Vary": "Accept, Accept-Language, Cookie",
            "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
            **(headers or {}),
        },
    )
    if request.query_params.get("lang") == language.code:
        answer.set_cookie(
            LANGUAGE_COOKIE,
            language.code,
            max_age=_YEAR,
            samesite="lax",
            httponly=True,
            secure=request.url.scheme == "https",
        )
    if kept:
        keep(request, nonce)
    return answer
