"""The dashboard follows what happens."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import expect

from tests.browser.conftest import MakePerson
from tests.browser.person import Person
from tests.conftest import Change
from tests.standins import StandIn
from tests.support.camera import Camera, Shot
from tests.support.disk import Low, MakePicture
from tests.support.slots import with_gemini
from tests.support.stack import Stack
from tests.support.waiting import until

pytestmark = pytest.mark.browser

GONE = {410}  # the preview of a picture that has gone by the time at which the page asks for it

POLICY = {"Content-Security-Policy": "default-src 'none'"}
INGEST = "/ingest/slot-005?reply=image"


async def unfold(someone: Person, code: str) -> None:
    """Open an issue and what it is folded into."""
    await someone.page.locator(f"[data-code='{code}']").evaluate(
        "one => { while (one) { one.open = true; one = one.parentElement.closest('details'); } }"
    )


@pytest.mark.parametrize("stream", [True, False])
async def test_a_new_picture_appears_without_reloading(
    admin_person: MakePerson, camera: Camera, shot: Shot, stream: bool
) -> None:
    someone = await admin_person()
    if not stream:
        someone.expected = {503}
        await someone.page.route("**/admin/events", lambda route: route.fulfill(status=503, headers=POLICY))
    await someone.go("/admin/")
    state = "live" if stream else "polling"
    await someone.page.wait_for_selector(f"#pulse[data-state={state}]")
    picture = someone.page.locator("#slot-005 .print img")
    before = await picture.get_attribute("src") if await picture.count() else ""
    assert (await camera.post(INGEST, shot)).status == 200
    source = "document.querySelector('#slot-005 .print img')?.getAttribute('src')"
    await someone.until(f"({source} ?? '') !== '{before}'")
    width = await someone.until("document.querySelector('#slot-005 .print img').naturalWidth")
    assert width <= 320, "a preview, not the whole picture"
    assert re.search(r"\d+ % of \d+", await someone.text("#slot-005 .facts"))


async def test_one_tap_pauses_a_slot_and_another_resumes_it(
    admin_person: MakePerson, slot: Change, camera: Camera, shot: Shot
) -> None:
    await slot("slot-005", active=True)
    someone = await admin_person(size="phone", lang="ru")
    await someone.go("/admin/")
    paused = "Number(document.querySelector('#tally .paused b').textContent)"
    before = int(await someone.page.text_content("#tally .paused b") or 0)
    await someone.page.tap("#slot-005 .tile")
    await someone.page.tap("#slot-005 [data-keep=pause]")
    await someone.page.wait_for_selector("#slot-005.is-paused")
    assert "На паузе" in await someone.toast()
    assert (await camera.post(INGEST, shot)).code == "slot_disabled"
    await someone.until(f"{paused} == {before + 1}")
    await someone.page.tap("#slot-005 [data-keep=pause]")
    await someone.page.wait_for_selector("#slot-005.is-ready")
    assert (await camera.post(INGEST, shot)).status == 200


async def test_what_another_administrator_does_is_seen_here(admin_person: MakePerson, slot: Change) -> None:
    await slot("slot-007", active=False)
    here, there = await admin_person(), await admin_person()
    for one in (here, there):
        await one.go("/admin/")
    await here.page.wait_for_selector("#pulse[data-state=live]")
    for one in (here, there):  # the cards may be of the second before
        await one.page.wait_for_selector("#slot-007.is-paused")
    await there.page.click("#slot-007 [data-keep=pause]")
    for one in (here, there):
        await one.page.wait_for_selector("#slot-007.is-ready")
    await there.page.click("#slot-007 [data-keep=pause]")
    await there.page.wait_for_selector("#slot-007.is-paused")
    await here.page.wait_for_selector("#slot-007.is-paused")


async def test_the_address_is_copied_as_the_booth_wants_it(
    admin_person: MakePerson, camera: Camera, shot: Shot
) -> None:
    someone = await admin_person()
    await someone.go("/admin/")
    await someone.page.click("#slot-003 [data-keep=copy]")
    assert "Address of slot 03 copied" in await someone.toast()
    copied = await someone.page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(r"http://[^/]+/ingest/slot-003\?reply=image", copied)
    reply = await camera.post("/" + copied.split("/", 3)[3], shot)
    assert (reply.status, reply.headers["content-type"]) == (200, "image/jpeg")
    await someone.page.click("#slot-003 [data-keep=addresses]")
    await someone.page.wait_for_selector("dialog[open]")
    listed = await someone.page.locator("dialog code").all_inner_texts()
    assert [address.partition("?")[2] for address in listed] == [
        "reply=image",
        "reply=multipart",
        "reply=json",
    ]


async def test_a_failing_slot_says_why_and_what_to_do(
    admin_person: MakePerson, slot: Change, camera: Camera, shot: Shot
) -> None:
    await slot("slot-005", params={"levels": 600})
    someone = await admin_person(lang="ru")
    await someone.go("/admin/")
    await someone.page.wait_for_selector("#slot-005.is-failing")
    assert "Настройки не подходят" in await someone.text("#slot-005 .why")
    assert await someone.violations() == []
    await someone.screenshot("dashboard-failing")


async def test_nothing_that_was_typed_becomes_markup(admin_person: MakePerson, slot: Change) -> None:
    nasty = "<img src=x onerror=alert(1)>'\"&amp;"
    await slot("slot-005", display_name=nasty)
    someone = await admin_person()
    await someone.go("/admin/")
    await expect(someone.page.locator("#slot-005 h2")).to_contain_text(nasty)
    await someone.page.wait_for_selector("#pulse[data-state=live]")
    assert nasty in await someone.text("#slot-005 h2")


async def test_a_photo_on_its_way_is_counted(admin_person: MakePerson, camera: Camera, shot: Shot) -> None:
    someone = await admin_person()
    await someone.go("/admin/")
    await someone.page.wait_for_selector("#pulse[data-state=live]")
    assert (await camera.post(INGEST, replace(shot, password="wrong"))).status == 401
    assert await someone.text("#tally .in_flight b") == "0"


@pytest.mark.parametrize(("size", "lang", "theme"), [("phone", "ru", "dark")])
async def test_a_slots_gallery_is_opened_from_its_card_and_shows_its_code(
    admin_person: MakePerson, stack: Stack, client: httpx.AsyncClient, size: str, lang: str, theme: str
) -> None:
    async with stack.database() as db:
        await db.execute("delete from shared_gallery")
    someone = await admin_person(size=size, lang=lang, theme=theme)
    await someone.go("/admin/")
    if size == "phone":
        await someone.page.tap("#slot-006 .tile")
    card = "#slot-006 [data-keep=gallery]"
    await someone.page.click(card)
    await someone.page.wait_for_selector("dialog #gallery-minutes")
    assert await someone.violations() == []
    await someone.page.select_option("#gallery-minutes", "240")
    await someone.page.click("dialog .primary")
    code = someone.page.locator("dialog .gallery-code")
    await code.wait_for()
    assert await code.evaluate("one => one.decode().then(() => one.naturalWidth)") >= 200
    assert await someone.violations() == []
    assert await someone.small_targets() == []
    await someone.screenshot("slot-gallery")
    address = await someone.text("dialog p > code")
    shown = await client.get(urlsplit(address).path)
    assert (shown.status_code, urlsplit(address).path[:3]) == (200, "/g/")
    gallery = await stack.value("select slot_id from shared_gallery where closed_at is null")
    assert gallery == "slot-006"
    await someone.page.keyboard.press("Escape")
    await someone.page.click(card)
    assert await someone.text("dialog p > code") == address, "the same one, not another"
    async with stack.database() as db:
        await db.execute("delete from shared_gallery")


async def test_who_may_only_look_opens_no_gallery(admin_person: MakePerson, stack: Stack) -> None:
    async with stack.database() as db:
        await db.execute("delete from shared_gallery")
    someone = await admin_person(role="operator")
    await someone.go("/admin/")
    await someone.page.click("#slot-006 [data-keep=gallery]")
    await someone.page.wait_for_selector("dialog :text('administrator')")
    assert await someone.page.locator("dialog[open] form").count() == 0


async def test_a_slot_on_its_fallback_says_so(
    admin_person: MakePerson, stack: Stack, slot: Change, gemini: StandIn
) -> None:
    someone = await admin_person()
    await someone.go("/admin/")
    fallback = [{"provider": "local", "operation": "comic", "params": {}}]
    await slot("slot-005", **with_gemini(fallbacks=fallback))
    stack.set_keys("gemini")
    await someone.page.wait_for_selector("#slot-005.is-fallback .soft-why")
    assert "Using its fallback" in await someone.text("#slot-005 .why")
    assert await someone.violations() == []


async def test_a_card_leads_to_the_editor_and_to_what_happened(admin_person: MakePerson) -> None:
    someone = await admin_person()
    await someone.go("/admin/")
    await someone.page.click("#slot-004 h2 a")
    assert someone.path == "/admin/slots/slot-004"
    await someone.go("/admin/")
    await someone.page.click("#slot-004 [data-keep=jobs]")
    assert someone.page.url.endswith("/admin/jobs?slot=slot-004")


async def test_who_types_the_address_alone_gets_to_the_login_with_one_tap(person: MakePerson) -> None:
    someone = await person(size="phone", lang="ru")
    await someone.go("/")
    await someone.page.click("footer a[href='/admin/']")
    assert someone.path == "/admin/login"


async def test_the_operator_is_told_of_a_low_disk_and_makes_room_with_one_tap(
    admin_person: MakePerson, picture: MakePicture, low: Low, client: httpx.AsyncClient
) -> None:
    someone = await admin_person(size="phone", lang="ru", expected=GONE)
    await someone.go("/admin/")
    await someone.page.wait_for_selector("#pulse[data-state=live]")
    job = await picture(40)
    await low()
    await someone.page.wait_for_selector("[data-code='disk.low']", state="attached")  # without reloading
    await unfold(someone, "disk.low")
    # An earlier test's issue may have been open still, with another offer.
    await someone.page.locator("#issues", has_text="1 снимок").wait_for(timeout=30_000)
    await unfold(someone, "disk.low")
    assert await someone.violations() == []
    await someone.page.tap("#issues [data-keep=free]")
    assert "Вернуть его нельзя" in await someone.text("#confirm-text")
    await someone.page.tap(
        "#confirm button[value=no], #confirm [data-close], #confirm button:not(#confirm-yes)"
    )
    assert (await client.get(f"/public/results/{job}")).status_code == 200
    await someone.page.tap("#issues [data-keep=free]")
    await someone.page.tap("#confirm-yes")
    await someone.page.wait_for_selector("#disk-report .note")
    assert "Удалён 1 снимок" in await someone.text("#disk-report")
    assert (await client.get(f"/public/results/{job}")).status_code == 410
    await someone.page.wait_for_selector("#issues [data-keep=free]", state="detached", timeout=30_000)


async def test_who_may_not_remove_pictures_is_told_of_a_low_disk_all_the_same(
    admin_person: MakePerson, picture: MakePicture, low: Low
) -> None:
    await picture(40)
    await low()
    someone = await admin_person("viewer", expected=GONE)
    await someone.go("/admin/")
    await someone.page.wait_for_selector("[data-code='disk.low']", state="attached")
    assert await someone.page.locator("#issues [data-keep=free]").count() == 0


@pytest.mark.usefixtures("no_issue_is_open")  # a worse one that comes meanwhile would fold it away
@pytest.mark.parametrize("lang", ["en", "ru"])
async def test_an_address_that_no_phone_can_use_is_told_before_a_guest_scans_it(
    admin_person: MakePerson, setting: Change, stack: Stack, lang: str
) -> None:
    told = "select count(*) = 0 from issue where code = 'address.wrong' and closed_at is null"
    await until(lambda: stack.value(told), seconds=30)  # the one of the test before has gone
    await setting("public_base_url", f"http://localhost:{stack.port}")
    someone = await admin_person(lang=lang, size="phone" if lang == "ru" else "desktop", expected=GONE)
    await someone.go("/admin/")
    issue = someone.page.locator("[data-code='address.wrong']")
    await issue.wait_for(state="attached", timeout=40_000)  # without reloading
    await unfold(someone, "address.wrong")
    await expect(issue).to_contain_text("localhost")
    await someone.screenshot("dashboard-address")
    assert await someone.violations() == []
    await issue.locator("a").first.click()
    await someone.page.wait_for_url("**/admin/settings#event")


@pytest.mark.parametrize(("lang", "form"), [("en", r"\$\d+\.\d\d\b"), ("ru", r"\d+,\d\d\s\$")])
async def test_what_the_day_cost_is_told_in_cents(
    admin_person: MakePerson, camera: Camera, shot: Shot, slot: Change, gemini: StandIn, lang: str, form: str
) -> None:
    await slot("slot-014", **with_gemini(model="gemini-nano-banana-2.1"))
    assert (await camera.post("/ingest/slot-014?reply=image", shot)).status == 200
    someone = await admin_person(lang=lang)
    await someone.go("/admin/")
    await someone.until("document.querySelector('#day-cost b')?.textContent")
    said = await someone.text("#day-cost b")
    assert re.fullmatch(form, said), said
