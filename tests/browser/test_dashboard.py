"""The dashboard follows what happens."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.browser.conftest import MakePerson
from tests.conftest import Change
from tests.standins import StandIn
from tests.support.camera import Camera, Shot

pytestmark = pytest.mark.browser

POLICY = {"Content-Security-Policy": "default-src 'none'"}
INGEST = "/ingest/slot-005?reply=image"


@pytest.mark.parametrize("stream", [True, False])
async def test_a_new_picture_appears_without_reloading(
    admin_person: MakePerson, camera: Camera, shot: Shot, stream: bool
) -> None:
    someone = await admin_person()
    if not stream:
        someone.expected = {503}
        await someone.page.route("**/admin/events", lambda route: route.fulfill(status=503, headers=POLICY))
        await someone.page.reload()
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
    paused = "Number(document.querySelector('#tally .paused b').textContent)"
    before = int(await someone.page.text_content("#tally .paused b") or 0)
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
    await here.page.wait_for_selector("#pulse[data-state=live]")
    await there.page.click("#slot-007 [data-keep=pause]")
    await here.page.wait_for_selector("#slot-007.is-ready")
    await there.page.click("#slot-007 [data-keep=pause]")
    await here.page.wait_for_selector("#slot-007.is-paused")


async def test_the_address_is_copied_as_the_booth_wants_it(
    admin_person: MakePerson, camera: Camera, shot: Shot
) -> None:
    someone = await admin_person()
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
    await someone.page.wait_for_selector("#slot-005.is-failing")
    assert "Настройки не подходят" in await someone.text("#slot-005 .why")
    assert await someone.violations() == []
    await someone.screenshot("dashboard-failing")


async def test_nothing_that_was_typed_becomes_markup(admin_person: MakePerson, slot: Change) -> None:
    nasty = "<img src=x onerror=alert(1)>'\"&amp;"
    await slot("slot-005", display_name=nasty)
    someone = await admin_person()
    assert nasty in await someone.text("#slot-005 h2")
    await someone.page.wait_for_selector("#pulse[data-state=live]")
    assert nasty in await someone.text("#slot-005 h2")


async def test_a_photo_on_its_way_is_counted(admin_person: MakePerson, camera: Camera, shot: Shot) -> None:
    someone = await admin_person()
    await someone.page.wait_for_selector("#pulse[data-state=live]")
    assert (await camera.post(INGEST, replace(shot, password="wrong"))).status == 401
    assert await someone.text("#tally .in_flight b") == "0"


@pytest.mark.parametrize(
    ("lang", "words"), [("en", "Every provider answered."), ("ru", "Все провайдеры ответили.")]
)
async def test_one_tap_warms_the_providers_up_and_says_how_each_answered(
    admin_person: MakePerson, standins: dict[str, StandIn], lang: str, words: str
) -> None:
    someone = await admin_person(size="phone", lang=lang)
    await someone.page.tap("form[action$='/dashboard/warm-up'] button")
    await someone.page.wait_for_selector("#warm-up .note.good")
    said = await someone.text("#warm-up")
    assert words in said
    assert "gemini · gemini-3.1-flash-image-preview" in said
    assert not any(standin.pictures_asked() for standin in standins.values())
