"""What guests' pages do where a browser lacks something, or its owner has chosen otherwise."""

from __future__ import annotations

import io

import httpx
import pytest
from PIL import Image
from playwright.async_api import Route, expect

from tests.browser.conftest import MakeGuest
from tests.conftest import Change
from tests.support.camera import Camera, Shot
from tests.support.photos import portrait_jpeg
from tests.support.stack import Stack

pytestmark = pytest.mark.browser

AA = 4.5  # WCAG 2.2, contrast of text


@pytest.fixture
async def page_path(camera: Camera, shot: Shot) -> str:
    """The page of a tall picture."""
    shot.photo = portrait_jpeg(1200, 1600)
    made = await camera.post("/api/ingest/slot-002?reply=image", shot)
    return f"/r/{made.headers['x-job-id']}"


async def test_saving_needs_no_scrolling_where_the_browser_knows_no_small_viewport(
    guest: MakeGuest, page_path: str, client: httpx.AsyncClient
) -> None:
    """Chromium before 108 and Safari before 15.4 (2022)."""
    someone = await guest()

    async def older(route: Route) -> None:
        page = await client.get(page_path)
        # That browser would not know this unit either.
        await route.fulfill(body=page.text.replace("svh", "xvh"), headers=dict(page.headers))

    await someone.page.route(f"**{page_path}", older)
    await someone.page.set_viewport_size({"width": 1024, "height": 700})
    await someone.go(page_path)
    await expect(someone.page.get_by_role("link", name="Save", exact=True)).to_be_in_viewport(ratio=1)


async def test_a_link_that_the_browser_does_not_copy_can_be_read(guest: MakeGuest, page_path: str) -> None:
    someone = await guest()
    await someone.page.add_init_script(
        "Object.defineProperty(navigator, 'clipboard', {value: undefined});"
        "document.execCommand = () => false;"
    )
    await someone.go(page_path)
    await someone.page.get_by_role("button", name="Copy link").click()
    await expect(someone.page.get_by_role("status")).to_have_text(someone.stack.url + page_path)


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
async def test_pages_slide_into_each_other_only_for_those_who_like_movement(
    guest: MakeGuest, page_path: str, motion: str
) -> None:
    someone = await guest()
    await someone.page.emulate_media(reduced_motion=motion)  # type: ignore[arg-type]
    await someone.page.add_init_script(
        "addEventListener('pagereveal', (event) => { window.slid = Boolean(event.viewTransition); })"
    )
    await someone.go(page_path)
    await someone.page.locator(".languages summary").click()
    await someone.page.locator(".languages a[lang=de]").click()
    await expect(someone.page.locator("html")).to_have_attribute("lang", "de")
    assert await someone.page.evaluate("window.slid") is (motion == "no-preference")


async def test_the_picture_that_a_guest_may_delete_keeps_its_proportions(
    guest: MakeGuest, page_path: str, setting: Change
) -> None:
    await setting("guests_may_delete", True)
    someone = await guest()
    await someone.go(f"{page_path}/delete")
    picture = someone.page.get_by_alt_text("The picture from the photo booth")
    assert await picture.evaluate("image => getComputedStyle(image).objectFit") == "cover"


def _light(pixel: tuple[int, ...]) -> float:
    """The relative luminance of WCAG."""
    parts = [value / 255 for value in pixel[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


async def test_words_stay_legible_at_night_behind_a_white_picture(
    guest: MakeGuest, camera: Camera, shot: Shot, stack: Stack
) -> None:
    """The picture lies blurred behind the page, which axe does not see."""
    white = io.BytesIO()
    Image.new("RGB", (900, 1200), "white").save(white, "JPEG")
    shot.photo = white.getvalue()
    made = await camera.post("/api/ingest/slot-003?reply=image", shot)
    assert made.status == 200
    someone = await guest(dark=True)
    await someone.go(f"/r/{made.headers['x-job-id']}")
    words = someone.page.locator(".until")
    await expect(words).to_be_visible()
    seen = Image.open(io.BytesIO(await words.screenshot())).convert("RGB")
    lights = sorted(_light(pixel) for pixel in seen.get_flattened_data())
    assert (lights[-1] + 0.05) / (lights[len(lights) // 2] + 0.05) >= AA
