"""Several people at the slots: two who save the same one, and an operator who may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.conftest import MakePerson
from tests.browser.slot_editor import quiet, saved, shown
from tests.conftest import Change
from tests.support.photos import portrait_jpeg
from tests.support.stack import Stack

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("size", "lang", "theme"), [("phone", "ru", "dark"), ("desktop", "en", "light")])
async def test_who_was_slower_sees_both_values_and_chooses(
    admin_person: MakePerson, stack: Stack, size: str, lang: str, theme: str
) -> None:
    slow, fast = await admin_person(size=size, lang=lang, theme=theme), await admin_person()
    for one in (slow, fast):
        await one.go("/admin/slots/slot-015")
    await fast.page.fill("#display_name", f"Fast {lang}")
    await fast.page.fill("#output-size", "1200x1800")
    await fast.page.fill("#permits", "3")
    await quiet(fast)
    await saved(fast)
    slow.expected = {409}
    await slow.page.fill("#display_name", f"Slow {lang}")
    await slow.page.fill("#permits", "4")
    await slow.page.fill("#deadline_seconds", "30")
    await quiet(slow)
    await slow.page.click(".save-bar .save")
    await slow.page.wait_for_selector("#conflict")
    names = await slow.text("#conflict .versus:has([name='take.display_name'])")
    assert f"Slow {lang}" in names
    assert f"Fast {lang}" in names
    assert await slow.page.input_value("#display_name") == f"Slow {lang}", "what was typed is still there"
    assert await slow.page.is_checked("[name='take.display_name'][value=mine]")
    assert await slow.page.is_checked("[name='take.output.size'][value=theirs]"), "only Fast changed it"
    assert await slow.violations() == []
    assert await slow.sideways() <= 0
    await slow.screenshot("slot-conflict")
    await slow.page.check("[name='take.permits'][value=theirs]")
    await slow.page.click("#conflict .primary")
    await slow.page.wait_for_selector("#slot-editor:not(:has(#conflict))")
    async with stack.database() as db:
        row = await db.fetchrow("select * from slot where slot_id = 'slot-015'")
    assert (row["display_name"], row["deadline_seconds"], row["permits"]) == (f"Slow {lang}", 30, 3)
    assert row["output"]["size"] == "1200x1800"
    for name in ("#output-size", "#permits", "#deadline_seconds"):
        await slow.page.fill(name, "")
    await quiet(slow)
    await slow.page.click(".save-bar .save")
    await slow.page.wait_for_selector("#slot-form:not([data-changed]) [data-saved]")


async def test_another_look_is_taken_as_a_whole(admin_person: MakePerson, stack: Stack) -> None:
    slow, fast = await admin_person(), await admin_person()
    for one in (slow, fast):
        await one.go("/admin/slots/slot-015")
    before = await slow.page.input_value("#route-0-operation")
    await fast.page.select_option("#route-0-operation", "sketch")
    await shown(fast, 0, "local/sketch")
    await saved(fast)
    slow.expected = {409}
    await slow.page.fill("#display_name", "Mine")
    await quiet(slow)
    await slow.page.click(".save-bar .save")
    await slow.page.wait_for_selector("#conflict [name='take.look'][value=theirs]:checked")
    await slow.page.click("#conflict .primary")
    await slow.page.wait_for_selector("#slot-editor:not(:has(#conflict))")
    async with stack.database() as db:
        row = await db.fetchrow("select * from slot where slot_id = 'slot-015'")
    assert (row["display_name"], row["operation"]) == ("Mine", "sketch")
    await slow.page.select_option("#route-0-operation", before)
    await shown(slow, 0, f"local/{before}")
    await saved(slow)


async def test_an_operator_runs_watches_tests_and_pauses_but_edits_nothing(
    admin_person: MakePerson, slot: Change, tmp_path: Path
) -> None:
    await slot("slot-005", active=True)
    photo = tmp_path / "guest.jpg"
    photo.write_bytes(portrait_jpeg())
    someone = await admin_person(role="operator", size="phone", lang="ru")
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
