"""UC5: templates are added, renamed, used and deleted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.browser.conftest import MakePerson
from tests.browser.person import LOOKS, Person
from tests.support.photos import portrait_png
from tests.support.stack import Stack

pytestmark = pytest.mark.browser


def _file(folder: Path, name: str) -> Path:
    """A picture that nobody has registered before."""
    path = folder / name
    path.write_bytes(portrait_png() + os.urandom(8))
    return path


@pytest.mark.parametrize(("size", "lang"), [("desktop", "en")])
async def test_a_template_is_added_renamed_used_and_deleted(
    admin_person: MakePerson, stack: Stack, tmp_path: Path, size: str, lang: str
) -> None:
    name = f"beach-{lang}"
    file = _file(tmp_path, f"{name}.png")
    someone = await admin_person(size=size, lang=lang)
    page = someone.page
    await someone.go("/admin/templates")
    await page.set_input_files("[data-uploads] input", [file, _file(tmp_path, f"second-{lang}.png")])
    await page.wait_for_selector(f".media:has-text('second-{lang}')")
    card = page.locator(".media", has_text=name)
    assert await card.locator("img").evaluate("one => one.decode().then(() => one.naturalWidth)") > 100
    await page.set_input_files("[data-uploads] input", file)
    known = {"en": "is already here", "ru": "такой файл уже есть"}[lang]
    await page.wait_for_selector(f"#toasts :text('{known}')")

    await card.locator("[hx-get$='edit=1']").click()
    await page.fill(".media input[name=name]", f"Dusk {lang}")
    await page.keyboard.press("Enter")
    card = page.locator(".media", has_text=f"Dusk {lang}")
    await card.locator("h2").wait_for()

    media_id = (await card.get_attribute("id") or "").removeprefix("t-")
    async with stack.database() as db:
        await db.execute(
            "insert into slot_template_media (slot_id, role, media_id) values ('slot-014', 'overlay', $1)"
            " on conflict (slot_id, role) do update set media_id = $1",
            media_id,
        )
    await page.reload()
    assert "14" in await card.locator(".uses").inner_text()
    someone.expected = {409}
    await card.locator("form[action$='/delete'] button").click()
    await card.locator(".note.bad").wait_for()
    assert await someone.violations() == []
    await someone.screenshot("template-in-use")
    async with stack.database() as db:
        await db.execute("delete from slot_template_media where media_id = $1", media_id)
    await page.reload()
    await card.locator("form[action$='/delete'] button").click()
    async with page.expect_navigation():
        await page.click("#confirm-yes")
    await someone.until(f"!document.getElementById('t-{media_id}')")
    assert await stack.value("select count(*) from template_media where id = $1", media_id) == 0


async def test_what_is_no_picture_is_refused_in_words(admin_person: MakePerson, tmp_path: Path) -> None:
    someone = await admin_person()
    someone.expected = {415}
    wrong = tmp_path / "notes.png"
    wrong.write_bytes(b"not a picture")
    await someone.go("/admin/templates")
    await someone.page.set_input_files("[data-uploads] input", wrong)
    await someone.page.wait_for_selector("#toasts .toast.bad")


async def test_who_may_only_look_adds_and_deletes_nothing(admin_person: MakePerson) -> None:
    someone = await admin_person(role="operator")
    await someone.go("/admin/templates")
    assert await someone.page.locator("[data-uploads], form[action$='/delete']").count() == 0
    someone.expected = {403}
    status = await someone.page.evaluate(
        """async () => (await fetch("/admin/templates", {method: "POST", headers:
            JSON.parse(document.body.getAttribute("hx-headers"))})).status"""
    )
    assert status == 403


@pytest.mark.parametrize(("size", "lang", "theme"), LOOKS)
async def test_the_templates_page_is_whole_and_accessible(
    admin_person: MakePerson, tmp_path: Path, size: str, lang: str, theme: str
) -> None:
    someone = await admin_person(size=size, lang=lang, theme=theme)
    await someone.go("/admin/templates")
    await someone.page.set_input_files("[data-uploads] input", _file(tmp_path, f"{size}-{lang}.png"))
    await someone.page.wait_for_selector(".media.fresh")
    await someone.assert_whole("templates", by_day_and_night=True)


@pytest.mark.parametrize("size", ["narrow", "tablet", "wide"])
async def test_the_templates_page_fits_every_screen(admin_person: MakePerson, size: str) -> None:
    someone = await admin_person(size=size, lang="ru")
    await someone.go("/admin/templates")
    assert await someone.sideways() <= 0


async def _dropped(someone: Person, selector: str, file: Path) -> None:
    """Drag a file from the desk over ``selector`` and let it go there, as the browser's own events."""
    box = await (await someone.page.wait_for_selector(selector)).bounding_box()
    assert box
    line = await someone.page.context.new_cdp_session(someone.page)
    data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    for kind in ("dragEnter", "dragOver", "drop"):
        await line.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})
        if kind == "dragOver":
            await someone.page.wait_for_selector(".drop.over")
    await line.detach()


async def test_a_file_dropped_on_the_page_becomes_a_template(
    admin_person: MakePerson, tmp_path: Path
) -> None:
    someone = await admin_person()
    await someone.go("/admin/templates")
    await _dropped(someone, ".drop", _file(tmp_path, "dropped-here.png"))
    await someone.page.wait_for_selector(".media.fresh:has-text('dropped-here')")
    assert await someone.page.locator(".drop.over").count() == 0


async def test_a_file_dropped_in_the_editor_is_bound_to_its_role(
    admin_person: MakePerson, tmp_path: Path
) -> None:
    someone = await admin_person()
    await someone.go("/admin/slots/slot-014")
    await someone.page.click("#pick-overlay")
    await _dropped(someone, "dialog .drop", _file(tmp_path, "dropped-in.png"))
    await someone.page.click(".pick.fresh:has-text('dropped-in')")
    await someone.page.wait_for_selector(".role-what:has(#pick-overlay) :text('dropped-in')")
    await someone.page.wait_for_selector("#slot-form[data-changed]")
    await someone.page.evaluate("document.getElementById('slot-form').remove()")
