"""Every page, at every size, in both languages, by day and by night."""

from __future__ import annotations

import pytest

from tests.browser.conftest import MakePerson
from tests.browser.person import LOOKS

pytestmark = pytest.mark.browser

PAGES = {
    "dashboard": "/admin/",
    "settings": "/admin/settings",
    "alerts": "/admin/settings/alerts",
    "webhooks": "/admin/settings/webhooks",
    "tokens": "/admin/settings/tokens",
    "booths": "/admin/booths",
    "audit": "/admin/audit",
    "manual": "/admin/manual",
    "manual-issues": "/admin/manual/ops/issues.md",
    "password": "/admin/password",
    "error": "/admin/there-is-no-such-page",
}

# Only of what the appliance serves: axe asks for nothing, too.
AS_FIREFOX_WARNS = """
const find = Document.prototype.getElementById;
Document.prototype.getElementById = function (id) {
  const ours = () => new Error().stack.includes("/static/");
  if (id === "" && ours()) console.warn("getElementById was asked for nothing");
  return find.call(this, id);
};
"""


@pytest.mark.parametrize(("size", "lang", "theme"), LOOKS)
async def test_pages_are_whole_and_accessible(
    admin_person: MakePerson, size: str, lang: str, theme: str
) -> None:
    someone = await admin_person(size=size, lang=lang, theme=theme)
    await someone.page.add_init_script(AS_FIREFOX_WARNS)
    for name, path in PAGES.items():
        someone.expected = {404} if name == "error" else set()
        await someone.go(path)
        if name == "settings":
            await someone.page.wait_for_selector("#ttl-preview p.fine, #ttl-preview table")
        await someone.assert_whole(name, by_day_and_night=True)


@pytest.mark.parametrize(("size", "lang"), [("narrow", "ru"), ("tablet", "ru"), ("wide", "en")])
async def test_no_page_is_wider_than_its_screen(admin_person: MakePerson, size: str, lang: str) -> None:
    someone = await admin_person(size=size, lang=lang)
    for name, path in PAGES.items():
        someone.expected = {404} if name == "error" else set()
        await someone.go(path)
        await someone.screenshot(name)
        assert await someone.sideways() <= 0, name


async def test_the_bar_holds_its_pages_on_any_large_screen(admin_person: MakePerson) -> None:
    someone = await admin_person(lang="ru")
    await someone.go("/admin/manual")
    for width in (1024, 1120, 1280, 1366, 1440, 1600, 1920):
        await someone.page.set_viewport_size({"width": width, "height": 800})
        assert await someone.sideways() <= 0, width
    await someone.page.click(".more summary")
    assert await someone.page.locator(".more .menu-item:visible").count() == 3
    assert await someone.violations(within=".more") == []


@pytest.mark.parametrize(("size", "lang", "theme"), LOOKS)
async def test_the_login_page_is_whole_and_accessible(
    person: MakePerson, size: str, lang: str, theme: str
) -> None:
    someone = await person(size=size, lang=lang, theme=theme)
    await someone.go("/admin/login")
    assert await someone.page.get_attribute("html", "lang") == lang
    await someone.assert_whole("login", by_day_and_night=True)


async def test_menus_and_dialogs_are_accessible_too(admin_person: MakePerson) -> None:
    someone = await admin_person(size="phone", lang="ru", theme="dark")
    await someone.go("/admin/")
    await someone.page.click(".more summary")
    assert await someone.violations(within=".more") == []
    await someone.screenshot("menu-more")
    await someone.page.click(".account summary")
    assert not await someone.page.locator(".more .menu-box").is_visible(), "one menu at a time"
    assert await someone.violations(within=".account") == []
    assert await someone.small_targets() == []
    await someone.screenshot("menu-account")
    await someone.page.keyboard.press("Escape")
    await someone.page.click("#slot-001 .tile")
    await someone.page.click("#slot-001 [data-keep=addresses]")
    await someone.page.wait_for_selector("dialog[open]")
    assert await someone.violations() == []
    await someone.screenshot("addresses")
    await someone.page.keyboard.press("Escape")
    focused = await someone.page.evaluate("document.activeElement.dataset.keep")
    assert focused == "addresses", "the focus is back where it was"


async def test_the_pages_work_without_scripts(admin_person: MakePerson) -> None:
    someone = await admin_person()
    await someone.page.route("**/*.js", lambda route: route.abort("blockedbyclient"))
    await someone.go("/admin/")
    await someone.page.click("#slot-012 [data-keep=pause]")
    await someone.page.wait_for_url("**/admin/#slot-012")
    assert await someone.page.locator("#slot-012.is-ready").count() == 1
    await someone.page.click("#slot-012 [data-keep=pause]")
    await someone.page.wait_for_selector("#slot-012.is-paused")
    someone.problems[:] = [problem for problem in someone.problems if "BLOCKED" not in problem]
