"""Pages and parts of pages: Jinja2 with autoescape, and what templates may call."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from appliance.admin import assets
from appliance.admin.headers import MOUNT
from appliance.admin.navigation import navigation_for
from appliance.admin.security import NOTICE_COOKIE, THEMES, PageContext
from appliance.core.clock import stamp
from appliance.core.failures import FAILURES
from appliance.core.images import PICTURE_TYPES
from appliance.core.installation import cookie_name, read_cookie
from appliance.core.language import Language, languages

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

_FOLDER = Path(__file__).parent
_TOKEN = re.compile(r"token (?P<name>.+) of (?P<account>\S+)")  # who, where an API token did it
# Each template lies beside its page, what several pages share in ``templates``; no two are called alike.
_FOLDERS = sorted({path.parent for path in _FOLDER.glob("*/*.html")})

_environment = Environment(
    loader=FileSystemLoader(_FOLDERS),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    extensions=["jinja2.ext.i18n"],  # _("key", name=value): gettext is given with each template
)
_environment.globals |= {
    "asset": assets.url,
    "htmx_config": _HTMX,
    "languages": {code: language.name for code, language in languages("staff").items()},
    "themes": THEMES,
    "mount": MOUNT,
    "picture_types": ",".join(PICTURE_TYPES),
    "icon": _environment.get_template("_icons.html").module.icon,  # type: ignore[attr-defined]
}


def moment(value: datetime, form: str = "moment") -> Markup:
    """A time that the browser shows in its own zone: ``moment``, ``minute``, ``ago``,
    ``clock`` or ``day``.
    """
    at = value.astimezone(UTC)
    return Markup('<time datetime="{}" data-time="{}">{}</time>').format(
        stamp(at, seconds=True), form, f"{at:%Y-%m-%d %H:%M} UTC"
    )


def failure_words(context: PageContext, code: str) -> dict[str, str]:
    """What an error code means, as a title, and what to do."""
    failure = FAILURES[code]
    title = context.language.text(failure.what).removesuffix(".")
    return {"title": title, "text": context.language.text(failure.do)}


def who_words(language: Language, who: str) -> str:
    """Who did something: an account's name as it is, an API token or a part of the program in words."""
    if found := _TOKEN.fullmatch(who):
        return language.gettext("audit.token", name=found["name"], who=found["account"])
    return language.gettext(f"audit.actor.{who}") if language.has(f"audit.actor.{who}") else who


def who_of(language: Language, words: str) -> str:
    """Who is meant by ``words``: what ``who_words`` calls a part of the program, or the name itself."""
    keys = (key for key in language.texts if key.startswith("audit.actor."))
    named = {language.gettext(key).casefold(): key.rpartition(".")[2] for key in keys}
    return named.get(words.casefold(), words)


def _in_every_template(context: PageContext) -> dict[str, Any]:
    """What every template may use."""
    language = context.language
    return {
        "context": context,
        "lang": language.code,
        "theme": context.theme,
        "gettext": language.gettext,
        "has_text": language.has,
        "ngettext": language.ngettext,
        "number": language.number,
        "message": language.message,
        "who": lambda name: who_words(language, name),
        "time": moment,
        "failure": lambda code: failure_words(context, code),
        "day": language.day,
        "size": language.size,
        "money": lambda one, most=4: language.money(one.amount, one.currency, most),
        "seconds": language.seconds,
        "csrf_token": context.csrf_token,
    }


def html(context: PageContext, template: str, /, **values: Any) -> Markup:
    """A template filled in; another template may hold it as it is."""
    filled = _environment.get_template(template).render(_in_every_template(context) | values)
    return Markup(filled)  # noqa: S704 - the template escaped what was put in


def page(context: PageContext, template: str, /, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A whole page, with the toast that the request before it left."""
    path = context.request.url.path
    notice = read_cookie(context.request, NOTICE_COOKIE) or ""
    if notice:
        context.jar.drop(cookie_name(context.request, NOTICE_COOKIE))
    known = notice if context.language.has(f"notice.{notice}") else None
    content = html(
        context,
        template,
        navigation=navigation_for(context),
        path=path,
        notice=known,
        status=status,
        **values,
    )
    return HTMLResponse(content, status_code=status, headers={"Content-Language": context.language.code})


def part(
    context: PageContext,
    template: str,
    /,
    *,
    status: int = 200,
    toast: str | None = None,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """A part of a page for HTMX, and a toast beside it that says what happened."""
    content = html(context, template, **values)
    if toast:
        content += html(context, "_toast.html", kind="good", title=toast, oob=True)
    return HTMLResponse(content, status_code=status, headers=dict(headers or {}))
