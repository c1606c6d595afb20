"""Guests on lines that are slow, broken or shared with the whole room."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import httpx
import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import MakeGuest
from tests.browser.person import Person
from tests.browser.test_guest_screens import SLOW, page_of
from tests.support.camera import Camera, Reply, Shot
from tests.support.photos import portrait_jpeg
from tests.support.waiting import until

pytestmark = pytest.mark.browser

# Phones share only within some seconds of a tap.
A_PHONE_THAT_SHARES = """
let tapped = -Infinity;
addEventListener('click', () => { tapped = performance.now(); }, true);
window.shared = [];
navigator.canShare = () => true;
navigator.share = async ({ files, url }) => {
  if (performance.now() - tapped > 4000) throw new DOMException('too late', 'NotAllowedError');
  window.shared.push(files ? files[0].name : url);
};
"""
SHARED = "window.shared.length === {}"
ALL_ARE_THERE = "[...document.querySelectorAll('#grid img')].every((image) => image.naturalWidth > 0)"


@pytest.fixture
async def made(camera: Camera, shot: Shot) -> Reply:
    shot.photo = portrait_jpeg(1200, 1600)
    return await camera.post("/api/ingest/slot-002?reply=image", shot)


async def line(someone: Person, bytes_per_second: float) -> None:
    """From now on the line is so fast."""
    wire = await someone.page.context.new_cdp_session(someone.page)
    await wire.send("Network.enable")
    await wire.send("Network.emulateNetworkConditions", SLOW | {"downloadThroughput": bytes_per_second})


async def test_on_a_slow_line_the_first_tap_shares_the_link_and_a_later_one_the_file(
    guest: MakeGuest, made: Reply
) -> None:
    someone = await guest()
    await someone.page.add_init_script(A_PHONE_THAT_SHARES)
    await someone.go(page_of(made))
    await line(someone, len(made.body) / 8)
    share = someone.page.get_by_role("button", name="Share")
    async with someone.page.expect_request_finished(lambda one: one.url.endswith(_file_of(made))):
        await share.click()
        await someone.until(SHARED.format(1))
    await share.click()
    await someone.until(SHARED.format(2))
    link, file = await someone.page.evaluate("window.shared")
    assert httpx.URL(link).path == page_of(made)
    assert file.endswith(".jpg")
    assert await someone.text("#status") == ""


def _file_of(made: Reply) -> str:
    return f"/public/results/{made.headers['x-job-id']}"


@pytest.mark.parametrize(("name", "says"), [("NotAllowedError", "Link copied"), ("AbortError", "")])
async def test_what_the_phone_does_not_share_is_copied_unless_the_guest_thought_better_of_it(
    guest: MakeGuest, made: Reply, name: str, says: str
) -> None:
    someone = await guest()
    await someone.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await someone.page.add_init_script(
        f"navigator.share = async () => {{ window.tried = true; throw new DOMException('', '{name}'); }};"
    )
    await someone.go(page_of(made))
    await someone.page.get_by_role("button", name="Share").click()
    await someone.until("window.tried")
    await expect(someone.page.get_by_role("status")).to_have_text(says)
    if says:
        copied = await someone.page.evaluate("navigator.clipboard.readText()")
        assert httpx.URL(copied).path == page_of(made)


async def test_a_file_that_did_not_come_is_not_shared_and_is_asked_for_again(
    guest: MakeGuest, made: Reply
) -> None:
    someone = await guest()
    someone.expected = {429}
    asked: Counter[str] = Counter()
    await someone.page.route(f"**{_file_of(made)}", lambda route: refuse(route, asked, 1))
    await someone.page.add_init_script(A_PHONE_THAT_SHARES)
    await someone.go(page_of(made))
    share = someone.page.get_by_role("button", name="Share")
    for taps in (1, 2):
        await share.click()
        await someone.until(SHARED.format(taps))
    link, file = await someone.page.evaluate("window.shared")
    assert httpx.URL(link).path == page_of(made)
    assert file.endswith(".jpg")


async def refuse(route: Route, asked: Counter[str], times: int) -> None:
    """Answers ``429`` so many times for each address."""
    asked[route.request.url] += 1
    if asked[route.request.url] > times:
        await route.continue_()
    else:
        await route.fulfill(status=429, body="")


async def test_thumbnails_that_were_refused_come_by_themselves(
    gallery: dict[str, Any], guest: MakeGuest, camera: Camera, shot: Shot
) -> None:
    await camera.post("/api/ingest/slot-006", shot)
    someone = await guest()
    someone.expected = {429}
    asked: Counter[str] = Counter()
    await someone.page.route(re.compile(r"preview\?w=320$"), lambda route: refuse(route, asked, 1))
    await someone.go(httpx.URL(gallery["url"]).path)
    before = await someone.page.locator("#grid > li").count()
    await someone.until(ALL_ARE_THERE)
    await camera.post("/api/ingest/slot-006", shot)
    await expect(someone.page.locator("#grid > li")).to_have_count(before + 1)
    await someone.until(ALL_ARE_THERE)
    assert set(asked.values()) == {2}


async def test_a_thumbnail_that_never_comes_is_given_up(
    gallery: dict[str, Any], guest: MakeGuest, camera: Camera, shot: Shot
) -> None:
    await camera.post("/api/ingest/slot-006", shot)
    someone = await guest()
    someone.expected = {429}
    asked: Counter[str] = Counter()
    await someone.page.route(re.compile(r"preview\?w=320$"), lambda route: refuse(route, asked, 99))
    await someone.page.clock.install()
    await someone.go(httpx.URL(gallery["url"]).path)

    async def most_asked(times: int) -> bool:  # those far below the screen wait until somebody scrolls
        await someone.page.clock.run_for(1_000)
        return max(asked.values(), default=0) >= times

    await until(lambda: most_asked(6), seconds=20)
    for _ in range(10):
        assert not await most_asked(7)


async def test_a_picture_that_was_refused_comes_by_itself(guest: MakeGuest, made: Reply) -> None:
    someone = await guest()
    someone.expected = {429}
    asked: Counter[str] = Counter()
    await someone.page.route(re.compile(r"preview\?w=960$"), lambda route: refuse(route, asked, 1))
    await someone.go(page_of(made))
    await someone.until("document.querySelector('.shot').naturalWidth > 0")
