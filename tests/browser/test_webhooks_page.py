"""Webhooks in a browser: added, the secret shown once, removed."""

from __future__ import annotations

import pytest

from tests.browser.conftest import MakePerson
from tests.browser.person import DESKTOP

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("size", "lang", "theme"), [DESKTOP])
async def test_a_webhook_is_added_its_secret_shown_once_and_it_is_removed(
    admin_person: MakePerson, size: str, lang: str, theme: str
) -> None:
    someone = await admin_person(size=size, lang=lang, theme=theme)
    name = f"till of {size}"
    await someone.go("/admin/settings/webhooks")
    await someone.page.fill("#webhook-name", name)
    await someone.page.fill("#webhook-address", "http://169.254.169.254/")
    someone.expected = {422}
    await someone.page.click("#webhooks form .primary")
    await someone.page.wait_for_selector("#webhook-address-finding")
    await someone.page.fill("#webhook-address", "https://hooks.example.com/till")
    await someone.page.click("#webhooks form .primary")
    assert (await someone.page.locator("#made-secret").inner_text()).startswith("whsec_")
    await someone.assert_whole("webhook-made", by_day_and_night=True)
    assert await someone.sideways() <= 0
    await someone.go("/admin/settings/webhooks")
    assert await someone.page.locator("#made-secret").count() == 0
    line = someone.page.locator("#webhooks .keys > li", has_text=name)
    await line.locator("button").click()
    await someone.page.click("#confirm-yes")
    await line.wait_for(state="detached")
