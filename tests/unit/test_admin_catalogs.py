"""The words of the pages are complete in every language."""

from __future__ import annotations

import ast
import re

import pytest

from appliance.accounts.actions import ACTIONS, GROUPS
from appliance.admin import assets
from appliance.admin.i18n import NAMES, language_for, read_catalog, words
from appliance.core.errors import ErrorCode
from tests.support.stack import CHECKOUT

ADMIN = CHECKOUT / "appliance" / "admin"
PLURAL = re.compile(r"\.(one|few|many|other)$")
FORMS = {"en": {"one", "other"}, "ru": {"one", "few", "many"}}


def test_the_catalogs_hold_the_same_keys() -> None:
    keys = {lang: {PLURAL.sub("", key) for key in read_catalog(lang)} for lang in NAMES}
    assert keys["en"] == keys["ru"]


@pytest.mark.parametrize("lang", list(NAMES))
def test_every_plural_has_all_its_forms(lang: str) -> None:
    found: dict[str, set[str]] = {}
    for key in read_catalog(lang):
        if form := PLURAL.search(key):
            found.setdefault(PLURAL.sub("", key), set()).add(form[1])
    assert {key for key, forms in found.items() if forms != FORMS[lang]} == set()


def test_the_same_values_are_put_in_everywhere() -> None:
    places = {
        lang: {
            PLURAL.sub("", key): set(re.findall(r"\{([a-z_]+)\}", text))
            for key, text in read_catalog(lang).items()
        }
        for lang in NAMES
    }
    assert places["en"] == places["ru"]


@pytest.mark.parametrize("lang", list(NAMES))
def test_every_error_has_a_title_and_says_what_to_do(lang: str) -> None:
    texts = read_catalog(lang)
    assert {f"error.{code}.{part}" for code in ErrorCode for part in ("title", "text")} <= set(texts)


def test_every_key_that_is_named_is_there() -> None:
    texts = {PLURAL.sub("", key) for key in read_catalog("en")}
    named = re.compile(r"""\b(?:t|plural|words|visiting\.words)\(\s*"([a-z_]+(?:\.[a-z_]+)+)"\s*[,)]""")
    used = {
        key
        for path in [*ADMIN.rglob("*.html"), *ADMIN.glob("*.py")]
        for key in named.findall(path.read_text(encoding="utf-8"))
    }
    assert len(used) > 50
    assert used - texts == set()


@pytest.mark.parametrize("lang", list(NAMES))
def test_every_action_of_the_audit_log_has_its_words_and_a_filter_that_finds_it(lang: str) -> None:
    texts = {key for key, text in read_catalog(lang).items() if text}
    assert {f"audit.action.{action}" for action in ACTIONS} == {
        key for key in texts if key.startswith("audit.action.")
    }
    assert {f"audit.group.{group}" for group in GROUPS} == {
        key for key in texts if key.startswith("audit.group.")
    }


def test_every_action_of_the_audit_log_is_recorded_somewhere() -> None:
    sources = [
        path.read_text(encoding="utf-8")
        for path in (CHECKOUT / "appliance").rglob("*.py")
        if path.name != "actions.py"
    ]
    assert [action for action in ACTIONS if not any(f'"{action}"' in text for text in sources)] == []


def test_every_detail_of_the_audit_log_has_its_words() -> None:
    calls = [
        node
        for path in (CHECKOUT / "appliance").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and not ast.unparse(node.func).startswith("log.")
        and any(isinstance(one, ast.Constant) and one.value in ACTIONS for one in node.args)
    ]
    details = {word.arg for call in calls for word in call.keywords if word.arg}
    shown = details - {"address", "changes", "password"}
    assert {"previous_valid_until", "earlier", "unsaved"} <= shown
    missing = {name for name in shown if f"audit.note.{name}" not in read_catalog("en")}
    assert missing == set()


def test_findings_of_services_are_put_in_the_readers_language() -> None:
    assert words("ru").message("must have at least 10 characters") == "Нужно не меньше 10 символов."
    assert words("en").message("must be 20 or less") == "At most 20."
    assert words("ru").message("something nobody foresaw") == "something nobody foresaw"


@pytest.mark.parametrize(
    ("count", "text"),
    [(1, "1 снимок"), (3, "3 снимка"), (11, "11 снимков"), (21, "21 снимок"), (112, "112 снимков")],
)
def test_russian_counts_as_russians_do(count: int, text: str) -> None:
    assert text in words("ru").plural("settings.ttl.there", count)


@pytest.mark.parametrize(
    ("header", "lang"),
    [("", "en"), ("ru-RU,ru;q=0.9", "ru"), ("fr, ru;q=0.2", "ru"), ("ru;q=0", "en"), ("en;q=x, ru", "ru")],
)
def test_the_language_follows_the_browser(header: str, lang: str) -> None:
    assert language_for(header) == lang


def test_our_own_code_and_styles_weigh_less_than_100_kb() -> None:
    own = [path for path in assets.OWN.rglob("*") if path.suffix in {".css", ".js"}]
    assert sum(path.stat().st_size for path in own) < 100_000


def test_no_template_holds_inline_code_or_styles() -> None:
    wrong = re.compile(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|hx-on|hx-vals=.js|javascript:")
    found = [
        path.name
        for path in (ADMIN / "templates").rglob("*.html")
        if wrong.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_only_our_icons_are_rendered_unescaped() -> None:
    unescaped = {
        path.name
        for path in ADMIN.rglob("*.html")
        if re.search(r"\|\s*safe\b", path.read_text(encoding="utf-8"))
    }
    assert unescaped == {"_icons.html"}
