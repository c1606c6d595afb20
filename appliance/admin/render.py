"""Pages and parts of pages: Jinja2 with autoescape, and what templates may call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from babel.dates import format_date
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from appliance.admin import assets
from appliance.admin.i18n import NAMES, Words
from appliance.admin.login.headers import MOUNT
from appliance.admin.login.security import NOTICE_COOKIE, THEMES, Visit
from appliance.admin.navigation import navigation_for

# HTMX as a strict policy wants it: nothing evaluated, no style element of its own, only our own
# addresses; errors arrive as toasts, a form with wrong values as the form again.
_HTMX = json.dumps(
    {
        "allowEval": False,
        "allowScriptTags": False,
        "includeIndicatorStyles": False,
        "selfRequestsOnly": True,
        "historyCacheSize": 0,
        "refreshOnHistoryMiss": True,
        "scrollIntoViewOnBoost": False,
        "attributesToSettle": ["class"],
        "timeout": 30_000,
        "responseHandling": [
            {"code": "204", "swap": False},
            {"code": "[23]..", "swap": True},
            {"code": "(409|422)", "swap": True},
            {"code": "[45]..", "swap": True, "target": "#toasts", "swapOverride": "beforeend"},
        ],
    }
)
_KB, _MB, _GB = 1000, 1000**2, 1000**3

_FOLDER = Path(__file__).parent
# Each template lies beside its page, what several pages share in ``templates``; no two are called alike.
_FOLDERS = sorted({path.parent for path in _FOLDER.glob("*/*.html")})

_environment = Environment(
    loader=FileSystemLoader(_FOLDERS),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals |= {
    "asset": assets.url,
    "htmx_config": _HTMX,
    "languages": NAMES,
    "themes": THEMES,
    "mount": MOUNT,
}


def moment(value: datetime, form: str = "moment") -> Markup:
    """A time that the browser shows in its own zone: ``moment``, ``minute``, ``ago``,
    ``clock`` or ``day``.
    """
    at = value.astimezone(UTC)
    return Markup('<time datetime="{}" data-time="{}">{}</time>').format(
        at.isoformat(timespec="seconds").replace("+00:00", "Z"), form, f"{at:%Y-%m-%d %H:%M} UTC"
    )


def size(words: Words, count: int) -> str:
    """A number of bytes as people read it."""
    for unit, name in ((_GB, "gb"), (_MB, "mb"), (_KB, "kb")):
        if count >= unit:
            return words(f"unit.{name}", n=words.number(count / unit, 1 if count < 10 * unit else 0))
    return words("unit.bytes", n=words.number(count))


def seconds(words: Words, value: float) -> str:
    """A duration as people read it: 0.8 s, 12 s, 3 min, 2 h, 4 days."""
    if value < 60:
        return words("unit.seconds", n=words.number(value, 1 if value < 10 and value % 1 else 0))
    for unit, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if value >= unit * (2 if name == "days" else 1):
            whole = abs(value / unit - round(value / unit)) < 0.05
            return words(f"unit.{name}", n=words.number(value / unit, 0 if whole else 1))
    return words("unit.seconds", n=words.number(value))


def money(words: Words, amount: Decimal, currency: str) -> str:
    """An amount with as many places as it has, at least two: 0.0336 USD."""
    places = max(2, -int(amount.normalize().as_tuple().exponent))
    return f"{words.number(float(amount), min(places, 6))} {currency}"


def context(visit: Visit) -> dict[str, Any]:
    """What every template may use."""
    words = visit.words
    return {
        "visit": visit,
        "lang": words.lang,
        "theme": visit.theme,
        "t": words,
        "plural": words.plural,
        "number": words.number,
        "message": words.message,
        "time": moment,
        "day": lambda value: format_date(value, "long", locale=words.lang),
        "size": lambda count: size(words, count),
        "money": lambda one: money(words, one.amount, one.currency),
        "seconds": lambda value: seconds(words, value),
        "csrf_token": visit.csrf_token,
    }


def html(visit: Visit, template: str, /, **values: Any) -> Markup:
    """A template filled in; another template may hold it as it is."""
    filled = _environment.get_template(template).render(context(visit) | values)
    return Markup(filled)  # noqa: S704 - the template escaped what was put in


def page(visit: Visit, template: str, /, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A whole page, with the toast that the request before it left."""
    path = visit.request.url.path
    notice = visit.request.cookies.get(NOTICE_COOKIE, "")
    if notice:
        visit.jar.drop(NOTICE_COOKIE)
    known = notice if visit.words.has(f"notice.{notice}") else None
    content = html(
        visit, template, navigation=navigation_for(visit), path=path, notice=known, status=status, **values
    )
    return HTMLResponse(content, status_code=status, headers={"Content-Language": visit.words.lang})


def part(
    visit: Visit,
    template: str,
    /,
    *,
    status: int = 200,
    toast: str | None = None,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """A part of a page for HTMX, and a toast beside it that says what happened."""
    content = html(visit, template, **values)
    if toast:
        content += html(visit, "_toast.html", kind="good", title=toast, beside=True)
    return HTMLResponse(content, status_code=status, headers=dict(headers or {}))
