"""Several people at the slots: two who save the same one, and an operator who may not."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from tests.browser.conftest import MakePerson
from tests.browser.person import Person
from tests.browser.slot_editor import quiet, saved
from tests.conftest import Change
from tests.support.photos import portrait_jpeg
from tests.support.stack import Stack

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("size", "lang", "theme"), [("desktop", "en", "light")])
async def test_who_was_slower_sees_what_changed_keeps_what_was_typed_and_may_reload(
    admin_person: MakePerson, stack: Stack, size: str, lang: str, theme: str
) -> None:
    slow, fast = await admin_person(size=size, lang=lang, theme=theme), await admin_person()
    for one in (slow, fast):
        await one.go("/admin/slots/slot-015")
    before = await slow.page.input_value("#display_name")
    await fast.page.fill("#display_name", f"Faster {lang}")
    await fast.page.fill("#permits", "3")
    await quiet(fast)
    await saved(fast)
    slow.expected = {409}
    await slow.page.fill("#display_name", "Slower")
    await slow.page.fill("#deadline_seconds", "30")
    await quiet(slow)
    for _ in ("saved", "saved again"):
        async with slow.page.expect_response(lambda reply: reply.status == 409):
            await slow.page.click(".save-bar .save")
        await slow.until("document.querySelector('#conflict') && !document.querySelector('.htmx-request')")
        changes = await slow.page.locator("#conflict .changes li").all_inner_texts()
        assert any(before in one and f"Faster {lang}" in one for one in changes), changes
        assert len(changes) == 2, "only what the other changed"
        assert await slow.page.input_value("#display_name") == "Slower", "what was typed is still there"
        assert await slow.page.input_value("#deadline_seconds") == "30"
    assert await slow.violations() == []
    assert await slow.sideways() <= 0
    await slow.screenshot("slot-conflict")
    async with stack.database() as db:
        row = await db.fetchrow("select * from slot where slot_id = 'slot-015'")
    assert (row["display_name"], row["deadline_seconds"], row["permits"]) == (f"Faster {lang}", None, 3)
    await leave(slow, "no")
    assert await slow.page.input_value("#display_name") == "Slower", "the page asked before it was lost"
    await leave(slow, "yes")
    await slow.page.wait_for_selector("#slot-editor:not(:has(#conflict))")
    assert await slow.page.input_value("#display_name") == f"Faster {lang}"
    await slow.page.fill("#permits", "")
    await quiet(slow)
    await saved(slow)


async def leave(someone: Person, answer: Literal["yes", "no"]) -> None:
    """Choose to reload, and answer the question about what is not saved."""
    await someone.page.click("#conflict a")
    await someone.page.click(f"#confirm [value={answer}]")


async def test_an_operator_runs_watches_tests_and_pauses_but_edits_nothing(
    admin_person: MakePerson, slot: Change, tmp_path: Path
) -> None:
    await slot("slot-005", active=True)
    photo = tmp_path / "guest.jpg"
    photo.write_bytes(portrait_jpeg())
    someone = await admin_person(role="operator", size="phone", lang="ru")
    await someone.go("/admin/")
    await someone.page.tap("#slot-005 .tile")
    await someone.page.tap("#slot-005 [data-keep=pause]")
    await someone.page.wait_for_selector("#slot-005.is-paused")
    await someone.page.tap("#slot-005 [data-keep=pause]")
    await someone.page.wait_for_selector("#slot-005.is-ready")
    await someone.page.tap("#slot-005 [data-keep=editor]")
    await someone.page.wait_for_selector("#slot-form > fieldset[disabled]")
    assert await someone.page.locator(".save, #copy").count() == 0
    await someone.page.set_input_files("#test-file", photo)
    await someone.page.click("#test-go")
    await someone.page.wait_for_selector(".tested .compare figure:nth-child(2) img")
    assert await someone.violations() == []
    await someone.screenshot("operator-tested")
    await someone.page.click(".tested a[href^='/admin/jobs/']")
    await someone.page.wait_for_selector("#job .outcome.done")
    for path in ("/admin/settings", "/admin/templates", "/admin/gallery", "/admin/slots/slot-005/history"):
        await someone.go(path)
        assert await someone.page.locator("main form:not([role=search], #zip-form) .primary").count() == 0, (
            path
        )
