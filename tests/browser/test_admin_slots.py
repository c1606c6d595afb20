"""UC1: a slot is set up, tried, saved, copied and brought back."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Dialog, expect

from tests.browser.conftest import MakePerson
from tests.browser.person import LOOKS
from tests.browser.slot_editor import quiet, saved, shown
from tests.conftest import Change
from tests.standins import StandIn
from tests.support.camera import Camera, Shot
from tests.support.photos import portrait_jpeg, portrait_png
from tests.support.stack import Stack

pytestmark = pytest.mark.browser

BROKEN_WORDS = """(selector) => {
    const text = document.querySelector(selector).firstChild, range = document.createRange();
    return [...text.data.matchAll(/\\S+/g)].filter((word) => {
        range.setStart(text, word.index);
        range.setEnd(text, word.index + word[0].length);
        return new Set([...range.getClientRects()].map((box) => box.top)).size > 1;
    }).map(String);
}"""


@pytest.mark.parametrize(("size", "lang", "theme"), [("desktop", "en", "light"), ("phone", "ru", "dark")])
async def test_a_slot_is_set_up_tried_and_saved(  # noqa: PLR0915 - one walk from start to end
    admin_person: MakePerson,
    stack: Stack,
    gemini: StandIn,
    camera: Camera,
    shot: Shot,
    tmp_path: Path,
    size: str,
    lang: str,
    theme: str,
) -> None:
    slot_id = "slot-013" if lang == "en" else "slot-014"
    template, photo = tmp_path / f"overlay-{lang}.png", tmp_path / "guest.jpg"
    template.write_bytes(portrait_png() + lang.encode())
    photo.write_bytes(portrait_jpeg())
    someone = await admin_person(size=size, lang=lang, theme=theme)
    page = someone.page
    await someone.go("/admin/slots")
    await page.click(f"a[href='/admin/slots/{slot_id}']")

    await page.select_option("#route-0-provider", "gemini")
    await page.wait_for_selector('[name="route.0.shown"][value^="gemini/"]', state="attached")
    await page.select_option("#route-0-operation", "image_edit")
    await shown(someone, 0, "gemini/image_edit")
    await page.fill("#route-0-params-prompt", "{survey1|a hero} on a poster")
    await page.wait_for_selector("#route-0-params-prompt-finding :text('{survey1}')")
    assert await page.get_attribute("#route-0-params-prompt", "aria-invalid") == "true"
    await page.fill("#prompt-fields", "survey1")
    await page.wait_for_selector("#route-0-params-prompt:not([aria-invalid])")

    await page.click("#do-add_route")
    await page.wait_for_selector("#route-1-provider")
    await quiet(someone)
    await page.click("#do-add_route")
    await page.wait_for_selector("#route-2-provider")
    await quiet(someone)
    await page.select_option("#route-2-operation", "sketch")
    await shown(someone, 2, "local/sketch")
    await page.focus("#route-2-params-shading")
    await page.keyboard.press("ArrowRight")
    assert await someone.text("#route-2 output, output[for=route-2-params-shading]") == "51"
    await page.click("#do-up-2")
    await shown(someone, 1, "local/sketch")
    assert await page.input_value("#route-1-params-shading") == "51", "what was set moves along"

    await page.click("#pick-overlay")
    await page.set_input_files("dialog [data-uploads] input", template)
    await page.click(".pick.fresh")
    await page.wait_for_selector(".role-what:has(#pick-overlay) :text('overlay-')")
    await quiet(someone)

    await page.set_input_files("#test-file", photo)
    await page.click("#test-go")
    await page.wait_for_selector(".tested .compare img[data-before]:not([hidden])")
    assert "Gemini" in await someone.text(".tested .attempt")
    assert await someone.violations() == []
    await someone.screenshot("slot-tested")
    tried = "select source from job_history where slot_id = $1 order by created_at desc limit 1"
    assert await stack.value(tried, slot_id) == "test"
    assert await stack.value("select provider from slot where slot_id = $1", slot_id) == "local", (
        "not saved yet"
    )

    await page.check("[name=active]")
    await quiet(someone)
    await saved(someone)
    assert slot_id[-2:] in await someone.toast()
    await someone.screenshot("slot-saved")
    async with stack.database() as db:
        row = await db.fetchrow("select * from slot where slot_id = $1", slot_id)
    assert (row["provider"], row["operation"]) == ("gemini", "image_edit")
    assert row["params"]["prompt"] == "{survey1|a hero} on a poster"
    assert row["fallbacks"][0]["operation"] == "sketch"
    assert row["fallbacks"][0]["params"]["shading"] == 51
    assert (await camera.post(f"/ingest/{slot_id}?reply=image", shot)).status == 200


async def test_ingest_addresses_are_copied(admin_person: MakePerson) -> None:
    someone = await admin_person()
    await someone.go("/admin/slots/slot-005")
    await someone.page.click(".addresses li:first-child [data-copy]")
    await someone.toast()
    copied = await someone.page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(r"http://[^/]+/ingest/slot-005\?reply=image", copied)


async def test_wrong_values_are_marked_when_saved(admin_person: MakePerson, stack: Stack) -> None:
    someone = await admin_person(lang="ru")
    someone.expected = {422}
    await someone.go("/admin/slots/slot-015")
    before = await stack.value("select version from slot where slot_id = 'slot-015'")
    await someone.page.fill("#deadline_seconds", "5")
    await someone.page.fill("#output-size", "big")
    await someone.page.click(".save")
    await someone.page.wait_for_selector("#deadline_seconds[aria-invalid=true]")
    assert await someone.text("#deadline_seconds-finding") == "Не меньше 10."
    assert await someone.text("#output-size-finding") == "Пишите в виде 1200x1800."
    assert "2 значения" in await someone.text("#slot-state")
    assert await someone.violations() == []
    assert await stack.value("select version from slot where slot_id = 'slot-015'") == before
    await someone.page.evaluate("document.getElementById('slot-form').remove()")


async def test_unsaved_changes_are_not_lost_by_a_careless_click(admin_person: MakePerson) -> None:
    someone = await admin_person()
    await someone.go("/admin/slots/slot-015")
    await someone.page.fill("#display_name", "Half done")
    asked: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def stay(dialog: Dialog) -> None:
        await dialog.dismiss()
        asked.set_result(dialog.type)

    someone.page.once("dialog", stay)
    await someone.page.evaluate("location.assign('/admin/')")
    assert await asyncio.wait_for(asked, 10) == "beforeunload"
    assert await someone.page.input_value("#display_name") == "Half done"
    # The browsers of iPhones and iPads do not ask by themselves.
    await someone.page.click(".brand")
    assert await someone.text("#confirm-title") == "Leave without saving?"
    await someone.page.keyboard.press("Escape")
    await someone.page.click("a[href='#test'], .toc a[href='#look']")
    await expect(someone.page.locator("#confirm")).to_be_hidden()
    assert await someone.page.input_value("#display_name") == "Half done"
    await someone.page.click(".brand")
    await someone.page.click("#confirm-yes")
    await someone.page.wait_for_url("**/admin/")


async def test_an_earlier_version_is_compared_and_restored_and_a_slot_is_copied(
    admin_person: MakePerson, stack: Stack
) -> None:
    someone = await admin_person(size="phone")
    await someone.go("/admin/slots/slot-015")
    old = await someone.page.input_value("#display_name")
    await someone.page.fill("#display_name", "Renamed")
    await quiet(someone)
    await saved(someone)
    await someone.go("/admin/slots/slot-015/history")
    await someone.page.click(".version:nth-child(2) .button")
    await someone.page.wait_for_selector(".version:nth-child(2) .changes")
    assert old in await someone.text(".version:nth-child(2) .changes ins")
    assert await someone.violations() == []
    await someone.screenshot("slot-history")
    await someone.page.click(".version:nth-child(2) .primary")
    await someone.page.wait_for_url("**/admin/slots/slot-015")
    assert await someone.page.input_value("#display_name") == old
    await someone.page.select_option("#to", "slot-014")
    await someone.page.click("#copy .button")
    await someone.page.click("#confirm-yes")
    await someone.page.wait_for_url("**/admin/slots/slot-014")
    assert await stack.value("select display_name from slot where slot_id = 'slot-014'") == old


async def test_the_last_guests_photo_is_tried_where_photos_are_kept(
    admin_person: MakePerson, setting: Change, camera: Camera, shot: Shot
) -> None:
    await setting("keep_sources_hours", 1)
    assert (await camera.post("/ingest/slot-002?reply=json", shot)).status == 200
    someone = await admin_person()
    await someone.go("/admin/slots/slot-002")
    await someone.page.click("#test-last")
    await someone.page.wait_for_selector(".tested .compare figure:nth-child(2) img")
    assert await someone.page.locator(".tested .compare img").count() == 2


@pytest.mark.parametrize("width", [320, 360])
async def test_the_bar_below_the_form_breaks_no_word_on_a_small_phone(
    admin_person: MakePerson, width: int
) -> None:
    someone = await admin_person(size="narrow", lang="ru")
    await someone.page.set_viewport_size({"width": width, "height": 740})
    await someone.go("/admin/slots/slot-006")
    assert await someone.page.evaluate(BROKEN_WORDS, "[data-saved] span") == []
    await someone.page.fill("#display_name", "Два цвета")
    assert await someone.page.evaluate(BROKEN_WORDS, ".bar-state .unsaved") == []
    assert await someone.text("#input_max_side + .unit") == "пикс."


async def test_who_may_only_look_changes_nothing(admin_person: MakePerson) -> None:
    someone = await admin_person(role="viewer")
    await someone.go("/admin/slots/slot-005")
    assert await someone.page.locator("#slot-form > fieldset[disabled]").count() == 1
    assert await someone.page.locator(".save, #test, #copy").count() == 0
    answers = await someone.page.evaluate(
        """async () => Promise.all(["", "/duplicate", "/history/1/restore", "/test"].map(async (end) =>
            (await fetch("/admin/slots/slot-005" + end, {method: "POST", headers:
                JSON.parse(document.body.getAttribute("hx-headers"))})).status))"""
    )
    someone.problems[:] = [one for one in someone.problems if "403" not in one]
    assert answers == [403, 403, 403, 403]


async def test_a_change_without_its_token_is_refused(admin_person: MakePerson) -> None:
    someone = await admin_person()
    someone.expected = {403}
    await someone.go("/admin/slots/slot-005")
    for end in ("", "/form", "/check", "/test", "/duplicate"):
        status = await someone.page.evaluate(
            "async (end) => (await fetch('/admin/slots/slot-005' + end, {method: 'POST'})).status", end
        )
        assert status == 403, end


@pytest.mark.parametrize(("size", "lang", "theme"), LOOKS)
async def test_the_pages_of_slots_are_whole_and_accessible(
    admin_person: MakePerson, size: str, lang: str, theme: str
) -> None:
    someone = await admin_person(size=size, lang=lang, theme=theme)
    for name, path in (
        ("slots", "/admin/slots"),
        ("slot", "/admin/slots/slot-010"),
        ("slot-local", "/admin/slots/slot-004"),
        ("slot-versions", "/admin/slots/slot-015/history"),
    ):
        await someone.go(path)
        await someone.assert_whole(name, by_day_and_night=True)


@pytest.mark.parametrize("size", ["narrow", "tablet", "wide"])
async def test_the_editor_fits_every_screen(admin_person: MakePerson, size: str) -> None:
    someone = await admin_person(size=size, lang="ru")
    for path in ("/admin/slots", "/admin/slots/slot-009", "/admin/slots/slot-015/history"):
        await someone.go(path)
        assert await someone.sideways() <= 0, path


async def test_what_is_said_after_saving_does_not_lie_over_the_button(admin_person: MakePerson) -> None:
    someone = await admin_person()
    await someone.go("/admin/slots/slot-015")
    for width in (1040, 1300, 1440):
        await someone.page.set_viewport_size({"width": width, "height": 900})
        await someone.page.fill("#display_name", f"Said at {width}")
        await saved(someone)
        toast = await someone.page.locator("[data-toast]").last.bounding_box()
        button = await someone.page.locator(".save").bounding_box()
        assert toast
        assert button
        beside = toast["x"] >= button["x"] + button["width"]
        assert beside or toast["y"] + toast["height"] <= button["y"], width


async def test_a_dialog_closes_beside_it_and_not_on_its_own_edge(admin_person: MakePerson) -> None:
    someone = await admin_person()
    await someone.go("/admin/slots/slot-015")
    dialog = someone.page.locator("#confirm")
    await someone.page.click("#copy .button")
    box = await dialog.bounding_box()
    assert box
    await someone.page.mouse.click(box["x"] + 8, box["y"] + 8)
    await expect(dialog).to_be_visible()
    await someone.page.mouse.click(box["x"] - 8, box["y"] + 8)
    await expect(dialog).to_be_hidden()


async def test_a_question_can_be_answered_in_an_old_safari(admin_person: MakePerson, stack: Stack) -> None:
    """Before version 16 (2022) it has no ``requestSubmit``; old iPads stay with that."""
    someone = await admin_person()
    await someone.page.add_init_script("delete HTMLFormElement.prototype.requestSubmit")
    await someone.go("/admin/slots/slot-015")
    await someone.page.select_option("#to", "slot-014")
    await someone.page.click("#copy .button")
    await someone.page.click("#confirm-yes")
    await someone.page.wait_for_url("**/admin/slots/slot-014")
    names = await stack.value("select count(distinct display_name) from slot where slot_id >= 'slot-014'")
    assert names == 1
