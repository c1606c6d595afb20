"""Seven tabs of one browser, which has six lines to a host: all load, and each goes on when it is seen."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import MakeGuest, MakePerson
from tests.support.camera import Camera, Shot
from tests.support.stack import Stack
from tests.support.waiting import until

pytestmark = pytest.mark.browser

TABS = 7
# A browser without a screen shows every tab; this is what one with a screen tells a tab that is covered.
_MAY_HIDE = "Object.defineProperty(Document.prototype, 'hidden', { get: () => window.covered === true });"
_COVER = "covered => { window.covered = covered; document.dispatchEvent(new Event('visibilitychange')); }"


async def seven(first: Page, address: str) -> list[Page]:
    """The same address in seven tabs, each opened over the one before."""
    await first.context.add_init_script(_MAY_HIDE)
    tabs = [first, *[await first.context.new_page() for _ in range(TABS - 1)]]
    for number, tab in enumerate(tabs):
        if number:
            await tabs[number - 1].evaluate(_COVER, True)
        await tab.goto(address, wait_until="load")
    return tabs


async def test_seven_tabs_of_a_gallery_load_and_the_first_one_goes_on(
    gallery: dict[str, Any], guest: MakeGuest, stack: Stack, camera: Camera, shot: Shot
) -> None:
    someone = await guest()  # whose tabs are closed before the gallery is
    tabs = await seven(someone.page, stack.url + httpx.URL(gallery["url"]).path)
    made = await camera.post("/api/ingest/slot-006", shot)
    assert made.status == 200
    newest = tabs[-1].locator("#grid > li").first
    await expect(newest).to_be_visible()
    name = await newest.get_attribute("data-name")
    await tabs[-1].evaluate(_COVER, True)
    await tabs[0].evaluate(_COVER, False)
    await expect(tabs[0].locator(f'#grid > li[data-name="{name}"]')).to_be_visible()


async def test_seven_tabs_of_the_dashboard_load_and_the_first_one_goes_on(
    admin_person: MakePerson, stack: Stack, camera: Camera, shot: Shot
) -> None:
    someone = await admin_person()
    tabs = await seven(someone.page, f"{stack.url}/admin/")
    await expect(tabs[-1].locator("#pulse[data-state=live]")).to_be_attached()
    await tabs[-1].evaluate(_COVER, True)
    picture = "document.querySelector('#slot-005 .print img')?.getAttribute('src') ?? ''"
    before = await tabs[0].evaluate(picture)
    assert (await camera.post("/ingest/slot-005?reply=image", shot)).status == 200
    await tabs[0].evaluate(_COVER, False)

    async def renewed() -> bool:
        return bool(await tabs[0].evaluate(picture) != before)

    await until(renewed, seconds=20)
