"""What the operator's manual tells people to press or look for is on a page, in the manual's language."""

from __future__ import annotations

import re

import pytest

from appliance.core.language import read_catalog
from tests.support.stack import CHECKOUT

NAME = re.compile(r"(?<![*\w`])\*([^*\n`]+)\*(?![*\w])")
PLACEHOLDER = re.compile(r"%\(\w+\)s")
WORD = re.compile(r"[^\W\d]{3,}")
NOT_OURS = {  # booth programs, phones, providers' pages and ComfyUI
    *("Output Settings", "Postprocess photos", "Settings…", "Web based (HTTP POST)"),
    *("Max image size (pixels)", "Max image size", "File > Post Processing settings"),
    "Save copy of original photo in 'originals' folder",
    *("Most compatible", "Наиболее совместимый", "password or API key"),
    *("Get API key", "API keys", "Settings", "Organization", "Verify", "Dashboard"),
    *("File", "Workflow", "Export (API)", "Save"),
}
EMPHASIS = {"measured", "измерено"}
PAGES = sorted(str(page.relative_to(CHECKOUT)) for page in (CHECKOUT / "docs/operator").glob("*.md"))


def on_pages(code: str) -> list[str]:
    """Every text of the staff's pages that has a word of its own, as a pattern."""
    texts: list[str] = []
    for message in read_catalog("staff", code):
        texts += [message.string] if isinstance(message.string, str) else message.string
    if code == "en":  # what the code says itself has no English but its key
        texts += [message.id for message in read_catalog("staff", "ru") if isinstance(message.id, str)]
    own = [text for text in texts if WORD.search(PLACEHOLDER.sub("", text))]
    return [".+".join(map(re.escape, PLACEHOLDER.split(text))) for text in own]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_the_manual_names_things_as_they_are_called(page: str) -> None:
    named = set(NAME.findall((CHECKOUT / page).read_text(encoding="utf-8"))) - NOT_OURS - EMPHASIS
    there = re.compile("|".join(on_pages("ru" if page.endswith(".ru.md") else "en")), re.IGNORECASE)
    assert [name for name in named if not there.fullmatch(name)] == []
