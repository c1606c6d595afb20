"""The pages' own files: the audit log's words are whole, scripts and styles small and where they belong."""

from __future__ import annotations

import ast
import re

import pytest

from appliance.accounts.actions import ACTIONS, GROUPS
from appliance.admin import assets
from appliance.core.language import language, languages
from tests.support.stack import CHECKOUT

ADMIN = CHECKOUT / "appliance" / "admin"


@pytest.mark.parametrize("code", list(languages("staff")))
def test_every_action_of_the_audit_log_has_its_words_and_a_filter_that_finds_it(code: str) -> None:
    texts = {key for key, text in language("staff", code).texts.items() if text}
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
    missing = {name for name in shown if f"audit.note.{name}" not in language("staff", "en").texts}
    assert missing == set()


def test_our_own_code_and_styles_weigh_less_than_110_kb() -> None:
    own = [path for path in assets.OWN.rglob("*") if path.suffix in {".css", ".js"}]
    assert sum(path.stat().st_size for path in own) < 110_000


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
