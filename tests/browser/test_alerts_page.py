"""Alerts in a browser: a channel added, tested, changed and removed; silence and event pressed."""

from __future__ import annotations

import secrets

import httpx
import pytest

from tests.browser.conftest import MakePerson
from tests.browser.person import DESKTOP
from tests.support.receivers import receiving

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("size", "lang", "theme"), [DESKTOP])
async def test_a_channel_is_added_tested_changed_and_removed(
    admin_person: MakePerson, size: str, lang: str, theme: str
) -> None:
    someone = await admin_person(size=size, lang=lang, theme=theme)
    name = f"crew {secrets.token_hex(3)}"  # at a second try the first one's channel may still be there
    await someone.go("/admin/settings/alerts")
    await someone.page.fill("#channel-name", name)
    await someone.page.fill("#channel-address", "file:///etc/passwd")
    someone.expected = {422}
    await someone.page.click("#calls form .primary")
    await someone.page.wait_for_selector("#channel-address-finding")
    with receiving() as web:
        await someone.page.fill("#channel-address", f"json://{web.host}/crew")
        await someone.page.click("#calls form .primary")
        line = someone.page.locator("#calls .keys > li", has_text=name)
        await line.wait_for()
        web.status = 500
        await line.locator("form[action$=test] button").click()
        await line.locator(".note.bad").wait_for()
        web.status = 200
        await line.locator("form[action$=test] button").click()
        await line.locator(".note.good").wait_for()
        tests = [one for one in web.arrived if name in str(one.json)]  # and what is wrong just then
        assert len(tests) == 2
    await line.locator("summary").click()
    await someone.assert_whole("alerts-channel", by_day_and_night=True)
    assert await someone.sideways() <= 0
    await line.locator("input[name=name]").fill(f"{name} two")
    await line.locator(".save").click()
    renamed = someone.page.locator("#calls .keys > li", has_text=f"{name} two")
    await renamed.wait_for()
    await renamed.locator("form[action$=remove] button").click()
    await someone.page.click("#confirm-yes")
    await renamed.wait_for(state="detached")


async def test_silence_and_the_event_are_pressed_and_ended(
    admin_person: MakePerson, admin: httpx.AsyncClient
) -> None:
    someone = await admin_person(size="phone", lang="en", theme="light")
    await someone.go("/admin/settings/alerts")
    for span in ("event", "silence"):
        form = someone.page.locator(f"#calls form[action$={span}]")
        await form.first.locator("button").click()
        await form.nth(3).wait_for()
        assert (await admin.get("/api/alerts")).json()[span]
        await form.nth(3).locator("button").click()
        await form.nth(3).wait_for(state="detached")
        assert (await admin.get("/api/alerts")).json()[span] is None


async def test_the_rules_are_saved_on_their_own_page(
    admin_person: MakePerson, admin: httpx.AsyncClient
) -> None:
    someone = await admin_person(size="desktop", lang="en", theme="light")
    await someone.go("/admin/settings/alerts")
    await someone.page.fill("#alert_repeat_minutes", "45")
    await someone.page.click("#alerts.sheet .save")
    await someone.toast()
    try:
        settings = (await admin.get("/api/settings")).json()["settings"]
        assert settings["alert_repeat_minutes"]["value"] == 45
    finally:
        await admin.put("/api/settings", json={"alert_repeat_minutes": 30})
