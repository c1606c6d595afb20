"""Logging in, as a person does it."""

from __future__ import annotations

import pytest
from playwright.async_api import Route

from tests.browser.conftest import MakeAccount, MakePerson
from tests.support.logins import PASSWORD
from tests.support.stack import Stack

pytestmark = pytest.mark.browser

NEW_PASSWORD = "lanterns over the river"


@pytest.mark.parametrize(("size", "lang"), [("desktop", "en")])
async def test_a_password_that_was_made_must_be_changed_before_anything_else(
    person: MakePerson, account: MakeAccount, size: str, lang: str
) -> None:
    someone = await person(size=size, lang=lang)
    name = await account(settled=False)
    await someone.go("/admin/settings")
    assert someone.path == "/admin/login"
    await someone.log_in(name)
    assert someone.path == "/admin/password"
    await someone.screenshot("first-password")
    await someone.go("/admin/settings")
    assert someone.path == "/admin/password", "no page opens before"

    someone.expected = {422}
    for field, value in (("current", PASSWORD), ("new", "short"), ("again", "short")):
        await someone.page.fill(f"#{field}", value)
    await someone.page.click("main form .primary")
    finding = await someone.text("#new-finding")
    assert finding == {"en": "Use at least 10 characters.", "ru": "Нужно не меньше 10 символов."}[lang]

    for field, value in (("current", PASSWORD), ("new", NEW_PASSWORD), ("again", NEW_PASSWORD)):
        await someone.page.fill(f"#{field}", value)
    await someone.page.click("main form .primary")
    await someone.page.wait_for_url("**/admin/")
    assert await someone.page.locator(".frame").count() == 15
    assert {"en": "Your new password", "ru": "Новый пароль"}[lang] in await someone.toast()


async def test_the_login_works_by_keyboard_alone(person: MakePerson, account: MakeAccount) -> None:
    someone, name = await person(), await account()
    await someone.go("/admin/login")
    keyboard = someone.page.keyboard
    await keyboard.type(name)  # the field has the focus already
    await keyboard.press("Tab")
    await keyboard.type(PASSWORD)
    await keyboard.press("Enter")
    await someone.page.wait_for_url("**/admin/")
    await keyboard.press("Tab")
    assert await someone.page.evaluate("document.activeElement.className") == "skip"
    await keyboard.press("Enter")
    assert await someone.page.evaluate("document.activeElement.id") == "main"


async def test_a_wrong_password_is_told_in_plain_words_and_the_name_stays(
    person: MakePerson, account: MakeAccount
) -> None:
    someone, name = await person(lang="ru", size="phone"), await account()
    someone.expected = {401}
    await someone.log_in(name, "not the password")
    assert "Неверное имя пользователя или пароль" in await someone.text("#login-error")
    assert await someone.page.input_value("#username") == name
    assert await someone.page.evaluate("document.activeElement.id") == "password"
    assert await someone.violations() == []
    await someone.screenshot("login-refused")


async def test_the_login_leads_on_to_the_page_that_was_wanted(
    person: MakePerson, account: MakeAccount
) -> None:
    someone = await person()
    await someone.go("/admin/audit?action=login")
    assert someone.path == "/admin/login"
    await someone.page.fill("#username", await account())
    await someone.page.fill("#password", PASSWORD)
    await someone.page.click("main form .primary")
    await someone.page.wait_for_url("**/admin/audit?action=login")


async def test_language_and_theme_are_chosen_before_and_after_the_login(
    person: MakePerson, account: MakeAccount
) -> None:
    someone = await person()
    await someone.go("/admin/login")
    await someone.page.click(".account summary")
    await someone.page.click("button[name=language][value=ru]")
    await someone.page.wait_for_selector("html[lang=ru]")
    await someone.log_in(await account())
    await someone.page.click(".account summary")
    await someone.page.click("button[name=theme][value=dark]")
    await someone.page.wait_for_selector("html[lang=ru][data-theme=dark]")
    assert someone.path == "/admin/"
    background = await someone.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(16, 13, 10)"


async def test_logging_out_everywhere_asks_first_and_ends_the_other_browser_too(
    person: MakePerson, account: MakeAccount
) -> None:
    here, there, name = await person(), await person(), await account()
    await here.log_in(name)
    await there.log_in(name)
    await here.page.click(".account summary")
    await here.page.click("form[action$=logout-everywhere] button")
    await here.page.click("#confirm button[value=no]")
    assert here.path == "/admin/"
    await here.page.click(".account summary")
    await here.page.click("form[action$=logout-everywhere] button")
    await here.page.click("#confirm-yes")
    await here.page.wait_for_url("**/admin/login")
    assert "every device" in await here.toast()
    await there.go("/admin/audit")
    assert there.path == "/admin/login"


@pytest.mark.parametrize("size", ["desktop", "phone"])
async def test_what_was_typed_is_saved_after_logging_in_again_in_another_tab(
    person: MakePerson, account: MakeAccount, stack: Stack, size: str
) -> None:
    someone, name = await person(size=size), await account()
    await someone.log_in(name)
    await someone.go("/admin/slots/slot-012")
    before = await someone.page.input_value("#display_name")
    await someone.page.fill("#display_name", "Typed at midnight")
    await someone.until("!document.querySelector('.htmx-request')")
    for cookie in (stack.cookie("page"), stack.cookie("page_refresh"), stack.cookie("csrf")):
        await someone.page.context.clear_cookies(name=cookie)
    someone.expected = {401, 403}
    await someone.page.click(".save")
    async with someone.page.context.expect_page() as opened:
        await someone.page.click("#toasts [data-only=login] a")
    there = await opened.value
    await there.fill("#username", name)
    await there.fill("#password", PASSWORD)
    await there.click("main form .primary")
    await there.wait_for_url("**/admin/")
    await there.close()
    assert await someone.page.input_value("#display_name") == "Typed at midnight"
    await someone.page.click(".save")
    await someone.page.wait_for_selector("#slot-form:not([data-changed]) [data-saved]")
    saved = "select display_name from slot where slot_id = 'slot-012'"
    assert await stack.value(saved) == "Typed at midnight"
    await someone.page.fill("#display_name", before)
    await someone.page.click(".save")
    await someone.page.wait_for_selector("#slot-form:not([data-changed]) [data-saved]")


async def test_a_page_that_the_browser_kept_is_not_shown_after_logging_out(
    person: MakePerson, account: MakeAccount
) -> None:
    """Safari keeps pages as they were left and shows them to whoever goes back; this Chromium does not, so
    here the page never goes away and is told that it is back.
    """
    someone = await person()
    await someone.be_logged_in(await account())

    async def log_out_and_stay(route: Route) -> None:
        await route.fetch(max_redirects=0)
        await route.fulfill(status=204, headers={"Content-Security-Policy": "default-src 'none'"})

    await someone.page.route("**/admin/logout", log_out_and_stay)
    await someone.go("/admin/audit")
    await someone.page.click(".account summary")
    async with someone.page.expect_response("**/admin/logout"):
        await someone.page.click("form[action='/admin/logout'] button")
    await someone.page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    await someone.page.wait_for_url("**/admin/login*")
