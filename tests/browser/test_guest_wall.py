"""The screen in the room: hours of pictures, lost networks, restarts, upgrades, and nobody to reload it."""

from __future__ import annotations

import json
import os
import re
import signal
from functools import partial
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import MakeGuest
from tests.browser.person import Person
from tests.support.camera import Camera, Shot
from tests.support.stack import Stack, run_bare
from tests.support.waiting import until

pytestmark = pytest.mark.browser

MOST_NODES = 60


async def shown(page: Page) -> str:
    """The name of the picture in front; empty while there is none."""
    found = await page.evaluate("document.querySelector('.picture:last-child .whole')?.src ?? ''")
    return str(found).rpartition("/p/")[2].partition("/")[0]


async def nodes(page: Page) -> int:
    return int(await page.evaluate("document.querySelectorAll('body *:not(svg *)').length"))


async def watching(someone: Person, gallery: dict[str, Any]) -> Page:
    """A screen that shows the wall."""
    await someone.go(httpx.URL(gallery["wall_url"]).path)
    return someone.page


def kill_the_app(stack: Stack) -> None:
    """Without a word, as a machine would that runs out of memory."""
    status = json.loads(run_bare(stack.data, "--status", "--json").stdout)
    os.kill(status["processes"]["app"]["pid"], signal.SIGKILL)


def forgive_the_outage(someone: Person) -> None:
    """What Chromium says while nothing answers is no complaint about the wall."""
    outage = ("net::ERR", "503", "502")
    someone.problems[:] = [one for one in someone.problems if not any(word in one for word in outage)]


async def test_the_wall_shows_a_new_picture_and_forgets_a_hidden_one(
    gallery: dict[str, Any], guest: MakeGuest, camera: Camera, shot: Shot, stack: Stack
) -> None:
    someone = await guest("en", tv=True)
    page = await watching(someone, gallery)
    await camera.post("/api/ingest/slot-006", shot)
    await expect(page.locator(".picture.in .whole").last).to_be_visible()
    await someone.screenshot("wall")
    someone.expected = {404}  # it may just be its turn
    async with stack.database() as db:
        await db.execute("update job_history set hidden_at = now() where slot_id = 'slot-006'")
    await expect(page.locator("#empty")).to_be_visible()
    await expect(page.locator(".picture")).to_have_count(0)


async def test_the_wall_comes_back_after_the_app_was_killed(
    gallery: dict[str, Any], guest: MakeGuest, camera: Camera, shot: Shot, stack: Stack
) -> None:
    someone = await guest("en", tv=True)
    await camera.post("/api/ingest/slot-006", shot)
    page = await watching(someone, gallery)
    before = await until(lambda: shown(page))
    kill_the_app(stack)
    made = await until(lambda: _taken(camera, shot), seconds=30, every=0.5)
    assert made
    after = await until(lambda: _other_than(page, before), seconds=30)
    assert after
    forgive_the_outage(someone)


async def _taken(camera: Camera, shot: Shot) -> bool:
    """Whether a photo was taken: after the kill it takes the app a moment to be there again."""
    try:
        return (await camera.post("/api/ingest/slot-006", shot)).status == 200
    except (OSError, ValueError):
        return False


async def _other_than(page: Page, before: str) -> str:
    """The name of the picture in front, if it is another one by now."""
    now = await shown(page)
    return now if now != before else ""


async def test_the_wall_comes_back_after_the_network_was_away(
    gallery: dict[str, Any], guest: MakeGuest, camera: Camera, shot: Shot
) -> None:
    someone = await guest("en", tv=True)
    await camera.post("/api/ingest/slot-006", shot)
    page = await watching(someone, gallery)
    before = await until(lambda: shown(page))
    await page.context.set_offline(True)
    await camera.post("/api/ingest/slot-006", shot)
    await page.context.set_offline(False)
    assert await until(lambda: _other_than(page, before), seconds=30)
    forgive_the_outage(someone)


async def test_a_wall_of_an_older_version_loads_itself_anew_once(
    gallery: dict[str, Any], guest: MakeGuest, camera: Camera, shot: Shot
) -> None:
    someone = await guest("en", tv=True)
    await camera.post("/api/ingest/slot-006", shot)
    path = httpx.URL(gallery["wall_url"]).path
    loads = 0

    async def first_one_is_old(route: Route) -> None:
        nonlocal loads
        if route.request.resource_type != "document":
            return await route.continue_()
        loads += 1
        if loads > 1:
            return await route.continue_()
        answer = await route.fetch()
        page = (await answer.text()).replace('data-version="', 'data-version="older-')
        return await route.fulfill(response=answer, body=page)

    await someone.page.route(f"**{path}", first_one_is_old)
    await someone.go(path)
    stage = someone.page.locator("#stage")
    await expect(stage).not_to_have_attribute("data-version", re.compile("older-"))
    await camera.post("/api/ingest/slot-006", shot)
    await until(lambda: shown(someone.page))
    assert loads == 2


async def test_a_closed_wall_says_so_and_opens_again_by_itself(
    gallery: dict[str, Any], guest: MakeGuest, camera: Camera, shot: Shot, admin: httpx.AsyncClient
) -> None:
    await camera.post("/api/ingest/slot-006", shot)
    someone = await guest("de", tv=True)
    someone.expected = {403}
    page = await watching(someone, gallery)
    await admin.delete(f"/api/shared-galleries/{gallery['id']}")
    await expect(page.locator("#closed")).to_be_visible()
    await expect(page.locator(".picture")).to_have_count(0)
    assert await someone.violations() == []
    await admin.post(f"/api/shared-galleries/{gallery['id']}/open", json={"minutes": 60})
    await expect(page.locator(".picture").first).to_be_visible(timeout=15_000)
    await expect(page.locator("#closed")).to_be_hidden()


async def test_a_wall_that_runs_for_hours_does_not_grow(
    gallery: dict[str, Any], guest: MakeGuest, camera: Camera, shot: Shot
) -> None:
    for _ in range(4):
        await camera.post("/api/ingest/slot-006", shot)
    someone = await guest("en", tv=True)
    await someone.page.clock.install()
    page = await watching(someone, gallery)
    before, seen = await shown(page), set()
    for _ in range(60):
        await page.clock.run_for(8_500)
        before = await until(partial(_other_than, page, before))
        seen.add(before)
        assert await nodes(page) < MOST_NODES
    assert len(seen) >= 4, "the slides go on while nothing new comes"
    forgive_the_outage(someone)


AS_A_TV_OF_2017 = """
for (const [kind, names] of [
  [Element, ['append', 'prepend', 'before', 'after', 'replaceWith', 'replaceChildren']],
  [HTMLImageElement, ['decode']],
  [Array, ['at', 'flat', 'flatMap']],
  [Promise, ['finally']],
]) for (const name of names) delete kind.prototype[name];
"""


async def test_the_wall_works_on_an_old_tv(
    gallery: dict[str, Any], guest: MakeGuest, camera: Camera, shot: Shot
) -> None:
    someone = await guest("en", tv=True)
    await someone.page.add_init_script(AS_A_TV_OF_2017)
    page = await watching(someone, gallery)
    for _ in range(2):
        before = await shown(page)
        await camera.post("/api/ingest/slot-006", shot)
        assert await until(partial(_other_than, page, before), seconds=15)


async def test_the_corner_turns_round_where_one_reads_from_right_to_left(
    gallery: dict[str, Any], guest: MakeGuest
) -> None:
    someone = await guest("en", tv=True)
    page = await watching(someone, gallery)
    corner = page.locator("aside")
    right = await corner.bounding_box()
    await page.evaluate("document.documentElement.dir = 'rtl'")
    left = await corner.bounding_box()
    assert right
    assert left
    assert right["x"] + right["width"] == pytest.approx(1920 * 0.976, abs=1)
    assert left["x"] == pytest.approx(1920 * 0.024, abs=1)
