"""API tokens in a browser: made, shown once, revoked."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from playwright.async_api import expect

from appliance.core.clock import utcnow
from tests.browser.conftest import MakePerson
from tests.browser.person import DESKTOP

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("size", "lang", "theme"), [DESKTOP])
async def test_a_token_is_made_shown_once_and_revoked(
    admin_person: MakePerson, admin: httpx.AsyncClient, size: str, lang: str, theme: str
) -> None:
    someone = await admin_person(size=size, lang=lang, theme=theme)
    name = f"report of {size}"
    await someone.go("/admin/settings")
    await someone.page.click("a[href='/admin/settings/tokens']")
    await someone.page.fill("#token-name", name)
    someone.expected = {422}
    await someone.page.click("#tokens form .primary")
    await someone.page.wait_for_selector("#token-scopes-finding")
    assert await someone.page.input_value("#token-name") == name, "what was typed is kept"
    await someone.page.check("input[value='jobs:read']")
    await someone.page.select_option("#token-days", "365")
    await someone.page.click("#tokens form .primary")
    text = await someone.page.locator("#made-token").inner_text()
    until = someone.page.locator("#tokens li", has_text=name).locator("time").nth(1)
    await expect(until).to_contain_text(str((utcnow() + timedelta(days=365)).year))
    await someone.assert_whole("token-made", by_day_and_night=True)
    assert await someone.sideways() <= 0
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {text}"}, trust_env=False) as script:
        assert (await script.get(f"{someone.stack.url}/api/jobs")).status_code == 200
        await someone.go("/admin/settings/tokens")
        assert await someone.page.locator("#made-token").count() == 0
        line = someone.page.locator("#tokens li", has_text=name)
        await line.locator("button").click()
        await someone.page.click("#confirm-yes")
        await line.wait_for(state="detached")
        assert (await script.get(f"{someone.stack.url}/api/jobs")).status_code == 401
    await someone.go("/admin/audit")
    first = await someone.text(".log-line .log-what")
    assert name in first
