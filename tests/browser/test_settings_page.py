"""UC0 on the settings page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.browser.conftest import MakePerson
from tests.conftest import Change
from tests.support.camera import Camera, Shot
from tests.support.stack import Stack

pytestmark = pytest.mark.browser

INGEST = "/ingest/slot-005?reply=image"


async def _keep(stack: Stack, setting: Change, *keys: str) -> None:
    """What a test changes is put back afterwards."""
    for key in keys:
        await setting(key, await stack.value("select value from app_settings where key = $1", key))


async def test_the_ingest_password_is_rotated_and_the_old_one_stays_for_a_while(
    admin_person: MakePerson, stack: Stack, setting: Change, camera: Camera, shot: Shot
) -> None:
    await _keep(stack, setting, "ingest_password")
    someone = await admin_person(size="phone", lang="ru")
    await someone.go("/admin/settings")
    await someone.page.click("#ingest-password-field .row .button")
    made = await someone.page.input_value("#ingest_password[type=text]")
    assert len(made) == 19
    await someone.page.fill("#previous_valid_minutes", "10")
    await someone.page.click("#password .save")
    await someone.page.wait_for_selector("#new-ingest-password")
    assert await someone.text("#new-ingest-password") == made
    assert await someone.page.locator("#new-ingest-password").is_visible()
    assert "Пароль приёма изменён" in await someone.toast()
    assert "принимается до" in await someone.text("#password .note")
    assert await someone.violations() == []
    await someone.screenshot("settings-password")
    assert (await camera.post(INGEST, replace(shot, password=made))).status == 200
    assert (await camera.post(INGEST, shot)).status == 200, "the old one is still taken"
    await someone.page.reload()
    assert made not in await someone.page.content(), "it is shown once"


async def test_a_section_is_saved_on_its_own_and_wrong_values_are_marked(
    admin_person: MakePerson, stack: Stack, setting: Change
) -> None:
    await _keep(stack, setting, "max_upload_mb", "event_title")
    someone = await admin_person()
    await someone.go("/admin/settings")
    await someone.page.fill("#event_title", 'Anna & "Paul" <3')
    await someone.page.click("#event .save")
    assert "Event and addresses saved" in await someone.toast()
    assert await someone.page.input_value("#event_title") == 'Anna & "Paul" <3'
    assert await stack.value("select value from app_settings where key = 'event_title'") == 'Anna & "Paul" <3'

    someone.expected = {422}
    await someone.page.evaluate("document.querySelector('#limits form').noValidate = true")
    await someone.page.fill("#max_upload_mb", "99")
    await someone.page.click("#limits .save")
    assert await someone.text("#max_upload_mb-finding") == "At most 20."
    await someone.until("document.activeElement.id === 'max_upload_mb'")
    assert await someone.violations() == []
    await someone.screenshot("settings-refused")
    await someone.page.fill("#max_upload_mb", "12.5")
    await someone.page.click("#limits .save")
    await someone.page.wait_for_selector("#max_upload_mb:not([aria-invalid])")
    assert await stack.value("select value from app_settings where key = 'max_upload_mb'") == 12.5


async def test_who_was_slower_keeps_what_was_typed_and_sees_what_is_in_force(
    admin_person: MakePerson, stack: Stack, setting: Change
) -> None:
    await _keep(stack, setting, "slot_permits")
    slow, fast = await admin_person(), await admin_person()
    await slow.go("/admin/settings")
    await fast.go("/admin/settings")
    await fast.page.fill("#slot_permits", "7")
    await fast.page.click("#permits .save")
    await fast.toast()
    slow.expected = {409}
    await slow.page.fill("#slot_permits", "5")
    await slow.page.click("#permits .save")
    assert await slow.text("#permits .in-force") == "Current value: 7"
    assert await slow.page.input_value("#slot_permits") == "5"
    await slow.screenshot("settings-conflict")
    await slow.page.click("#permits .save")
    await slow.page.wait_for_selector("#permits:not(:has(.in-force))")
    assert await stack.value("select value from app_settings where key = 'slot_permits'") == 5


async def test_what_somebody_else_changed_meanwhile_is_not_put_back_by_another_section_or_a_second_save(
    admin_person: MakePerson, stack: Stack, setting: Change
) -> None:
    await _keep(stack, setting, "event_title", "max_upload_mb")
    slow, fast = await admin_person(), await admin_person()
    await slow.go("/admin/settings")
    await fast.go("/admin/settings")
    await fast.page.fill("#event_title", "Anna & Paul")
    await fast.page.click("#event .save")
    await fast.toast()

    await slow.page.fill("#max_upload_mb", "11")
    await slow.page.click("#limits .save")
    assert "saved" in await slow.toast(), "nobody else changed anything there"
    slow.expected = {409, 422}
    await slow.page.evaluate("document.querySelector('#event form').noValidate = true")
    await slow.page.fill("#public_base_url", "no address")
    await slow.page.click("#event .save")
    await slow.page.wait_for_selector("#public_base_url[aria-invalid]")
    await slow.page.fill("#public_base_url", "")
    await slow.page.click("#event .save")
    assert await slow.text("#event .in-force") == "Current value: Anna & Paul"
    assert await stack.value("select value from app_settings where key = 'event_title'") == "Anna & Paul"


async def test_who_leaves_after_a_save_that_failed_is_asked_whether_to_lose_what_was_typed(
    admin_person: MakePerson,
) -> None:
    someone = await admin_person()
    someone.expected = {503}
    await someone.go("/admin/settings")
    await someone.page.fill("#event_title", "typed during a restart")
    policy = {"Content-Security-Policy": "default-src 'none'"}
    await someone.page.route(
        "**/settings/event", lambda route: route.fulfill(status=503, body="{}", headers=policy)
    )
    async with someone.page.expect_response("**/settings/event"):
        await someone.page.click("#event .save")
    await someone.page.click("nav.places a[href$='/jobs']")
    await someone.page.click("#confirm [value=no]")
    assert await someone.page.input_value("#event_title") == "typed during a restart"


async def test_another_time_to_keep_pictures_shows_first_what_it_does(
    admin_person: MakePerson, camera: Camera, shot: Shot
) -> None:
    assert (await camera.post(INGEST, shot)).status == 200
    someone = await admin_person()
    await someone.go("/admin/settings")
    await someone.page.wait_for_selector("#ttl-preview table")
    await someone.page.fill("#result_ttl_hours", "0.5")
    row = someone.page.locator("#ttl-preview tbody tr").nth(1)
    await someone.until("document.querySelectorAll('#ttl-preview tbody tr')[1]?.cells[2].textContent !== '0'")
    assert int((await row.locator("td").nth(1).inner_text()).replace(",", "")) >= 1
    someone.leaving = True


async def test_who_may_only_look_changes_nothing(admin_person: MakePerson) -> None:
    someone = await admin_person("operator")
    await someone.go("/admin/settings")
    assert await someone.page.locator(".save").count() == 0
    assert await someone.page.locator("#slot_permits").is_disabled()
    assert "not change" in await someone.text("main .note")
    assert await someone.page.locator("a[href='/admin/audit']").count() == 0


async def test_a_session_that_ended_keeps_what_was_typed_on_the_page(
    admin_person: MakePerson, stack: Stack
) -> None:
    someone = await admin_person()
    await someone.go("/admin/settings")
    await someone.page.fill("#event_title", "typed before the session ended")
    await someone.page.context.clear_cookies(name=stack.cookie("page"))
    await someone.page.context.clear_cookies(name=stack.cookie("page_refresh"))
    someone.expected = {401, 403}
    await someone.page.click("#event .save")
    toast = await someone.toast()
    assert "session has ended" in toast or "open for too long" in toast
    assert await someone.page.input_value("#event_title") == "typed before the session ended"
