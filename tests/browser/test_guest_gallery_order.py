"""An open gallery and a wall get every picture at its place, also one that comes late."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import MakeGuest
from tests.browser.test_guest_screens import copies
from tests.browser.test_guest_wall import shown
from tests.support.camera import Camera, Shot
from tests.support.stack import Stack
from tests.support.waiting import until

pytestmark = pytest.mark.browser


@contextlib.asynccontextmanager
async def held_back(stack: Stack, job_id: str) -> AsyncIterator[None]:
    """A picture that nobody may see yet; shown at the end."""
    async with stack.database() as db:
        await db.execute("update job_history set hidden_at = now() where job_id = $1", job_id)
        yield
        await db.execute("update job_history set hidden_at = null where job_id = $1", job_id)


@pytest.fixture
async def six(camera: Camera, shot: Shot, stack: Stack) -> AsyncIterator[list[str]]:
    """The only pictures of the slot: their jobs, the newest first."""
    async with stack.database() as db:
        await db.execute("update job_history set hidden_at = now() where slot_id = 'slot-006'")
    jobs = [(await camera.post("/api/ingest/slot-006", shot)).headers["x-job-id"] for _ in range(6)]
    yield jobs[::-1]
    async with stack.database() as db:
        await db.execute("delete from job_history where slot_id = 'slot-006'")


async def names(page: Page) -> list[str]:
    """The pictures of a gallery from its top."""
    found: list[str] = await page.locator("#grid > li").evaluate_all("all => all.map(li => li.dataset.name)")
    return found


@pytest.mark.parametrize("place", [0, 2, 5])
async def test_a_picture_that_is_shown_late_comes_to_its_place_in_an_open_gallery(
    gallery: dict[str, Any], six: list[str], guest: MakeGuest, stack: Stack, place: int
) -> None:
    someone = await guest()
    pictures = someone.page.locator("#grid > li")
    async with held_back(stack, six[place]):
        await someone.go(httpx.URL(gallery["url"]).path)
        await expect(pictures).to_have_count(5)
    await expect(pictures).to_have_count(6)
    live = await names(someone.page)
    await someone.page.reload()
    assert live == await names(someone.page)


async def test_several_late_pictures_keep_their_order(
    gallery: dict[str, Any], six: list[str], guest: MakeGuest, stack: Stack
) -> None:
    someone = await guest()
    pictures = someone.page.locator("#grid > li")
    async with (
        held_back(stack, six[0]),
        held_back(stack, six[2]),
        held_back(stack, six[3]),
        held_back(stack, six[5]),
    ):
        await someone.go(httpx.URL(gallery["url"]).path)
        await expect(pictures).to_have_count(2)
    await expect(pictures).to_have_count(6)
    live = await names(someone.page)
    await someone.page.reload()
    assert live == await names(someone.page)


async def test_the_first_pictures_of_an_empty_gallery_stand_in_their_order(
    gallery: dict[str, Any], six: list[str], guest: MakeGuest, stack: Stack
) -> None:
    someone = await guest()
    async with contextlib.AsyncExitStack() as all_of_them:
        for job_id in six:
            await all_of_them.enter_async_context(held_back(stack, job_id))
        await someone.go(httpx.URL(gallery["url"]).path)
        await expect(someone.page.locator("#empty")).to_be_visible()
    await expect(someone.page.locator("#grid > li")).to_have_count(6)
    live = await names(someone.page)

    async def same_after_a_reload() -> bool:
        await someone.page.reload()
        return await names(someone.page) == live

    await until(same_after_a_reload, seconds=5)  # the empty page is kept for a second


async def test_a_late_picture_at_the_end_of_the_first_page_leaves_the_older_ones_alone(
    gallery: dict[str, Any], six: list[str], guest: MakeGuest, stack: Stack
) -> None:
    await copies(stack, six[5], 150)
    async with stack.database() as db:
        sixtieth = await db.fetchval(
            "select job_id from job_history where slot_id = 'slot-006' and hidden_at is null"
            " order by created_at desc, job_id desc offset 59 limit 1"
        )
    someone = await guest()
    pictures = someone.page.locator("#grid > li")

    async def at_its_end() -> bool:
        await someone.page.evaluate("scrollTo(0, document.body.scrollHeight)")
        return await someone.page.locator("#more").count() == 0

    async with held_back(stack, sixtieth):
        await someone.go(httpx.URL(gallery["url"]).path)
        await until(at_its_end, seconds=30)
        await expect(pictures).to_have_count(155)
    await expect(pictures).to_have_count(156)
    assert len(set(await names(someone.page))) == 156


async def test_the_wall_shows_a_late_picture_soon_and_not_in_its_turn(
    gallery: dict[str, Any], six: list[str], guest: MakeGuest, stack: Stack
) -> None:
    someone = await guest(tv=True)
    page = someone.page
    await someone.go(httpx.URL(gallery["wall_url"]).path)
    late = (await page.locator("#stage").get_attribute("data-pictures") or "").split()[4]
    async with held_back(stack, six[4]):
        await someone.until(f"!pictures.includes('{late}')")

    async def is_shown() -> bool:
        return await shown(page) == late

    await until(is_shown, seconds=12)


async def test_the_note_of_new_pictures_stays_until_they_are_seen(
    gallery: dict[str, Any], six: list[str], guest: MakeGuest, stack: Stack
) -> None:
    await copies(stack, six[5], 40)
    someone = await guest()
    pictures, note = someone.page.locator("#grid > li"), someone.page.locator("#fresh")
    async with held_back(stack, six[0]):
        await someone.go(httpx.URL(gallery["url"]).path)
        await expect(pictures).to_have_count(45)
        await someone.page.evaluate("scrollTo(0, 1500)")
    await expect(note).to_be_visible()
    async with held_back(stack, six[2]):
        await expect(pictures).to_have_count(45)
        await expect(note).to_be_visible()
    await expect(pictures).to_have_count(46)
    await someone.page.evaluate("scrollTo(0, 0)")
    await expect(note).to_be_hidden()
