"""The sign that AI made a picture, where guests see it: on the gallery and on the wall, live ones too."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import MakeGuest
from tests.conftest import Change
from tests.standins import StandIn
from tests.support.camera import Camera, Shot
from tests.support.slots import with_gemini
from tests.support.stack import Stack
from tests.support.waiting import until

pytestmark = pytest.mark.browser

SLOT = "slot-006"  # that of the gallery
SEEN = """sign => {
  const own = sign.getBoundingClientRect(), picture = sign.parentElement.getBoundingClientRect();
  return {
    tall: own.height,
    top: own.top + own.height / 2 < picture.top + picture.height / 2,
    left: own.left + own.width / 2 < picture.left + picture.width / 2,
    inside: own.left >= picture.left && own.right <= picture.right
      && own.top >= picture.top && own.bottom <= picture.bottom,
  };
}"""


@pytest.fixture(autouse=True)
async def _no_earlier_pictures(stack: Stack) -> None:
    """The gallery shows what this test has made."""
    async with stack.database() as db:
        await db.execute("update job_history set hidden_at = now() where slot_id = $1", SLOT)


async def sign_on(page: Page, picture: str) -> dict[str, Any]:
    """What a person sees of the sign on the first of these pictures."""
    sign = page.locator(f"{picture} .sign").first
    await expect(sign).to_be_visible()
    await until(lambda: sign.evaluate("one => one.checkVisibility({ opacityProperty: true })"))  # faded in
    found: dict[str, Any] = await sign.evaluate(SEEN)
    return found


@pytest.mark.parametrize(("lang", "word"), [("en", "AI"), ("ru", "ИИ")])
async def test_the_gallery_signs_ai_pictures_at_once_and_live_and_no_local_looks(
    gallery: dict[str, Any], guest: MakeGuest, camera: Camera, shot: Shot, slot: Change, gemini: StandIn,
    lang: str, word: str,
) -> None:  # fmt: skip
    await camera.post(f"/api/ingest/{SLOT}", shot)
    await slot(SLOT, **with_gemini())
    assert (await camera.post(f"/api/ingest/{SLOT}", shot)).status == 200
    someone = await guest(lang)
    await someone.go(httpx.URL(gallery["url"]).path)
    pictures = someone.page.locator("#grid li")
    await expect(pictures).to_have_count(2)
    await expect(pictures.nth(0).locator(".sign")).to_have_text(word)
    await expect(pictures.nth(1).locator(".sign")).to_have_count(0)
    found = await sign_on(someone.page, "#grid li:first-child")
    assert (found["inside"], found["top"], found["left"]) == (True, False, True)
    assert (await camera.post(f"/api/ingest/{SLOT}", shot)).status == 200
    await expect(pictures).to_have_count(3)
    await expect(pictures.nth(0).locator(".sign")).to_have_text(word)
    await someone.screenshot("gallery-ai-sign")


async def test_the_wall_signs_ai_pictures_that_come_while_it_shows(
    gallery: dict[str, Any], guest: MakeGuest, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    someone = await guest("en", tv=True)
    await someone.go(httpx.URL(gallery["wall_url"]).path)
    await slot(SLOT, **with_gemini())
    assert (await camera.post(f"/api/ingest/{SLOT}", shot)).status == 200
    await expect(someone.page.locator(".picture.in .sign").last).to_have_text("AI")
    found = await sign_on(someone.page, ".picture.in")
    assert (found["top"], found["left"]) == (False, True)
    await someone.screenshot("wall-ai-sign")
    await someone.page.reload()
    await expect(someone.page.locator(".picture.in .sign").first).to_have_text("AI")


async def test_the_sign_is_where_and_as_large_as_the_settings_say(
    gallery: dict[str, Any], guest: MakeGuest, camera: Camera, shot: Shot, slot: Change, setting: Change,
    gemini: StandIn,
) -> None:  # fmt: skip
    await slot(SLOT, **with_gemini())
    made = await camera.post(f"/api/ingest/{SLOT}?reply=json", shot)
    someone, path = await guest("en"), httpx.URL(gallery["url"]).path
    tall = []
    for percent, corner in ((4, "bottom-left"), (12, "top-right")):
        await setting("ai_sign_percent", percent)
        await setting("ai_sign_corner", corner)
        await someone.go(path)
        found = await sign_on(someone.page, "#grid li")
        assert (found["top"], found["left"]) == (corner.startswith("top"), corner.endswith("left"))
        await someone.go(f"/r/{made.json()['job_id']}")
        found = await sign_on(someone.page, "#frame")
        assert (found["top"], found["left"]) == (corner.startswith("top"), corner.endswith("left"))
        tall.append(found["tall"])
    assert tall[1] > 2 * tall[0]


async def test_elsewhere_the_operator_may_leave_the_sign_out(
    gallery: dict[str, Any], guest: MakeGuest, camera: Camera, shot: Shot, slot: Change, setting: Change,
    gemini: StandIn,
) -> None:  # fmt: skip
    await slot(SLOT, **with_gemini())
    await camera.post(f"/api/ingest/{SLOT}", shot)
    await setting("ai_rules", "elsewhere")
    await setting("show_ai_sign", False)
    someone = await guest("en")
    await someone.go(httpx.URL(gallery["url"]).path)
    await expect(someone.page.locator("#grid li")).to_have_count(1)
    await expect(someone.page.locator(".sign")).to_have_count(0)
