"""The pre-flight's page: one press, its progress, what came of it, on a phone and on paper."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import MakePerson
from tests.browser.person import LOOKS
from tests.conftest import Change
from tests.standins import StandIn
from tests.support.preflight import Only, free, only, ran
from tests.support.slots import with_gemini
from tests.support.stack import Stack

__all__ = ["only"]

pytestmark = pytest.mark.browser

SLOT = "slot-013"


async def over(page: Page) -> None:
    await expect(page.locator("#preflight[data-status=done]")).to_be_visible(timeout=90_000)


async def test_one_press_shows_what_is_red_and_leads_to_where_it_is_put_right(
    admin_person: MakePerson,
    admin: httpx.AsyncClient,
    stack: Stack,
    slot: Change,
    only: Only,
    gemini: StandIn,
) -> None:
    stack.set_keys("gemini", "bad-key-00000-7777")
    gemini.revoked.add("bad-key-00000-7777")
    await only("slot-001", "slot-002")
    await slot(SLOT, **with_gemini())
    await free(admin)
    someone = await admin_person(size="phone")
    page = someone.page
    await someone.go("/admin/preflight")
    await page.tap("[data-keep=start]")
    await expect(page.locator("#preflight progress")).to_be_visible()
    await over(page)
    await expect(page.locator(".preflight-sum.bad")).to_contain_text("red")
    await expect(page.locator("#group-machine")).not_to_have_attribute("open", "")
    refused = page.locator("[data-code='key.refused']")
    await expect(refused).to_contain_text("Gemini refuses the key …7777.")
    await someone.assert_whole("preflight-bad")
    await refused.get_by_role("link", name="Enter a key").tap()
    await page.wait_for_url("**/admin/settings#keys-gemini")
    await someone.go("/admin/")
    line = page.locator("#preflight-line")
    await expect(line).to_contain_text("red")
    await line.get_by_role("link").tap()
    await page.wait_for_url("**/admin/preflight")


@pytest.mark.parametrize(("size", "lang", "theme"), LOOKS)
async def test_the_page_is_whole_in_each_of_its_states(
    admin_person: MakePerson,
    admin: httpx.AsyncClient,
    stack: Stack,
    slot: Change,
    only: Only,
    gemini: StandIn,
    size: str,
    lang: str,
    theme: str,
) -> None:
    await free(admin)
    async with stack.database() as db:
        await db.execute("delete from preflight")
    await only("slot-001")
    await slot(SLOT, **with_gemini())
    someone = await admin_person(size=size, lang=lang, theme=theme)
    page = someone.page
    await someone.go("/admin/preflight")
    await someone.assert_whole("preflight-never", by_day_and_night=True)
    await ran(admin)
    await someone.go("/admin/preflight")
    folded = page.locator("details.group:not([open]) > summary")
    while await folded.count():
        await folded.first.click()
    await someone.assert_whole("preflight-done", by_day_and_night=True)
    paid = page.locator("[data-keep=paid]")
    await paid.click()
    await expect(page.locator("#confirm[open]")).to_contain_text("1")
    asked = gemini.pictures_asked()
    await page.locator("#confirm button[value=no]").click()
    assert gemini.pictures_asked() == asked
    running = "insert into preflight (asked_by, started_at, group_name) values ('igor', now(), 'slots')"
    async with stack.database() as db:
        await db.execute(running)
    await someone.go("/admin/preflight")
    await expect(page.locator("#preflight")).to_have_attribute("data-status", "running")
    await someone.assert_whole("preflight-running", by_day_and_night=True)
    async with stack.database() as db:
        await db.execute("update preflight set seen_at = now() - interval '1 min' where finished_at is null")
    await expect(page.locator("#preflight")).to_have_attribute("data-status", "interrupted")
    await someone.assert_whole("preflight-interrupted", by_day_and_night=True)


async def test_on_paper_everything_is_unfolded_and_nothing_can_be_pressed(
    admin_person: MakePerson, admin: httpx.AsyncClient, only: Only
) -> None:
    await only("slot-001")
    await ran(admin)
    someone = await admin_person(size="desktop")
    page = someone.page
    await someone.go("/admin/preflight")
    await page.emulate_media(media="print")
    await page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert await page.locator("details.group:not([open])").count() == 0
    await expect(page.locator("[data-code='disk']")).to_be_visible()
    for gone in ("[data-keep=start]", "[data-print]", ".film"):
        await expect(page.locator(gone)).to_be_hidden()


async def test_who_may_only_look_has_no_button(admin_person: MakePerson) -> None:
    someone = await admin_person(role="viewer")
    await someone.go("/admin/preflight")
    await expect(someone.page.locator("#preflight")).to_be_visible()
    assert await someone.page.locator("[data-keep=start], [data-keep=paid]").count() == 0
