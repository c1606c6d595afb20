"""The booths' page: what they sent, what is wrong, and their keys, by somebody with a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import expect

from tests.browser.conftest import MakePerson
from tests.browser.person import DESKTOP, PHONE
from tests.support.camera import Camera, Shot
from tests.support.logins import new_address
from tests.support.stack import Stack

pytestmark = pytest.mark.browser

WORDS = {"en": "The password field is missing.", "ru": "Нет поля с паролем."}


@pytest.fixture(autouse=True)
async def no_key_stays(stack: Stack) -> AsyncIterator[None]:
    """Keys of these tests are gone for the tests after them."""
    yield
    async with stack.database() as db:
        await db.execute("delete from booth_key")


@pytest.mark.parametrize(("size", "lang", "theme"), [DESKTOP])
async def test_a_booth_is_set_up_with_what_the_page_says(
    admin_person: MakePerson, stack: Stack, shot: Shot, size: str, lang: str, theme: str
) -> None:
    """It sends no password; the page says so; a key is made, and its address works."""
    someone = await admin_person(size=size, lang=lang, theme=theme)
    booth = Camera(stack.port, address=new_address())
    nothing = Shot(shot.photo, None, {"username": "Anna", "name": f"Booth-{size}"})
    await someone.go("/admin/booths")
    assert (await booth.post("/api/ingest/slot-001?reply=multipart", nothing)).status == 400
    card = someone.page.locator(".booth", has_text=f"Booth-{size}").first
    await expect(card).to_contain_text(WORDS[lang])  # by itself, without a reload
    await card.locator(".booth-details summary").first.click()
    await expect(card.locator(".booth-details").first).to_contain_text("username")
    await someone.assert_whole("booths")

    await someone.page.fill("#new-key-name", "Bar")
    await someone.page.locator("#keys > form summary").click()
    await someone.page.locator("#keys > form [name=slots]").nth(1).check()
    await someone.page.locator("#keys > form .primary").click()
    made = someone.page.locator(".made-key")
    await expect(made.locator("code")).to_have_count(3)
    await someone.assert_whole("booth-key")
    await made.locator("[data-copy]").nth(1).click()
    address = await someone.page.evaluate("navigator.clipboard.readText()")
    path = address.partition("://")[2].partition("/")[2]
    reply = await booth.post(f"/{path}", nothing)
    assert reply.status == 200, reply.body
    assert [part.get_content_type() for part in reply.parts()] == ["application/json", "image/jpeg"]
    await expect(someone.page.locator(".booth h3").first).to_have_text("Bar")

    await someone.go("/admin/booths")
    assert address.rpartition("=")[2] not in await someone.page.content()
    line = someone.page.locator(".keys > li", has_text="Bar")
    await expect(line).to_contain_text("slot-002")
    await line.locator("summary").first.click()
    await line.locator("[name=name]").fill("Terrace")
    await line.locator(".primary").click()
    await expect(someone.page.locator(".keys > li", has_text="Terrace")).to_have_count(1)
    await someone.page.locator(".keys .danger").click()
    await someone.page.locator("#confirm-yes").click()
    await expect(someone.page.locator("#keys .danger")).to_have_count(0)
    assert (await booth.post(f"/{path}", nothing)).code == "invalid_booth_key"


async def test_a_name_that_is_taken_is_told_beside_the_field(admin_person: MakePerson) -> None:
    someone = await admin_person(expected={422})
    await someone.go("/admin/booths")
    for name in ("Bar", "bar"):
        await someone.page.fill("#new-key-name", name)
        await someone.page.locator("#keys > form .primary").click()
        await expect(someone.page.locator(".keys > li")).to_have_count(1)
    await expect(someone.page.locator("#new-key-name-finding")).to_be_visible()
    await expect(someone.page.locator("#new-key-name")).to_have_value("bar")
    assert await someone.violations() == []


async def test_somebody_who_may_only_look_sees_requests_and_changes_no_key(admin_person: MakePerson) -> None:
    someone = await admin_person(role="viewer")
    await someone.go("/admin/booths")
    await expect(someone.page.locator("#booth-list")).to_have_count(1)
    await expect(someone.page.locator("#keys form")).to_have_count(0)


@pytest.mark.parametrize(("size", "lang", "theme"), [PHONE])
async def test_a_booth_is_simulated_and_shows_its_picture(
    admin_person: MakePerson, size: str, lang: str, theme: str
) -> None:
    someone = await admin_person(size=size, lang=lang, theme=theme)
    await someone.go("/admin/booths")
    await someone.page.select_option("#simulated-program", "breeze_booth")
    await someone.page.select_option("#simulated-slot", "slot-001")
    await someone.page.locator("#simulator .primary").click()
    picture = someone.page.locator(".simulated-screen img")
    await expect(picture).to_be_visible()
    await expect(picture).to_have_js_property("complete", value=True)
    assert await picture.evaluate("image => image.naturalWidth > 0")
    await someone.page.locator("#simulation summary").click()
    await expect(someone.page.locator("#simulation .said")).to_contain_text("job_id")
    await someone.assert_whole("booth-simulated", by_day_and_night=True)
    await someone.page.select_option("#simulated-slot", "slot-012")
    await someone.page.locator("#simulator .primary").click()
    await expect(someone.page.locator("#simulation")).to_contain_text("slot_disabled")
