"""Pages a guest's browser gets instead of a JSON error: plain words in the guest's language."""

from __future__ import annotations

import secrets
from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from appliance.core.error_handlers import retry_headers
from appliance.core.errors import ApplianceError

_GUEST_PATHS = ("/public/", "/r/")
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
)
_TEXTS = {
    "en": {
        404: ("There is no picture here", "Check the link, or scan the code on your print once more."),
        410: (
            "This picture has said goodbye",
            "Pictures are kept for a few days only, and this one's time is over.",
        ),
        0: ("Just a moment", "Something is not right on our side. Please try again in a minute."),
    },
    "ru": {
        404: ("Здесь нет снимка", "Проверьте ссылку или отсканируйте код на снимке ещё раз."),
        410: ("Снимок уже удалён", "Снимки хранятся всего несколько дней, и время этого истекло."),
        0: ("Минуту, пожалуйста", "У нас что-то пошло не так. Попробуйте ещё раз через минуту."),
    },
}


def language_of(accept_language: str) -> str:
    """The best language we have for an ``Accept-Language`` header; English if none fits."""
    wanted: list[tuple[float, int, str]] = []
    for position, item in enumerate(accept_language.split(",")):
        tag, _, weight = item.strip().partition(";q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            quality = 0.0
        wanted.append((-quality, position, tag.split("-")[0].lower()))
    return next((tag for quality, _, tag in sorted(wanted) if quality < 0 and tag in _TEXTS), "en")


def guest_error_page(request: Request, error: ApplianceError) -> Response | None:
    """A page for a guest's browser; ``None`` for everyone else, who get the JSON form."""
    if not request.url.path.startswith(_GUEST_PATHS) or "text/html" not in request.headers.get("accept", ""):
        return None
    lang = language_of(request.headers.get("accept-language", ""))
    title, text = _TEXTS[lang].get(error.status_code, _TEXTS[lang][0])
    nonce = secrets.token_urlsafe(12)
    page = _TEMPLATES.get_template("error.html").render(
        lang=lang, title=title, text=text, nonce=nonce, gone=error.status_code == 410
    )
    return HTMLResponse(
        page,
        status_code=error.status_code,
        headers={
            "Content-Security-Policy": (
                f"default-src 'none'; style-src 'nonce-{nonce}'; frame-ancestors 'none'"
            ),
            "Content-Language": lang,
            "Vary": "Accept, Accept-Language",
            "Cache-Control": "no-store",
            **retry_headers(error),
        },
    )
