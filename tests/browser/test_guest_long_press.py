"""A long press on the picture saves the picture itself, under its name."""

from __future__ import annotations

import httpx
import pytest

from tests.browser.conftest import MakeGuest
from tests.conftest import Change
from tests.support.camera import Camera, Shot

pytestmark = pytest.mark.browser

_SHOWN = "document.querySelector('.shot').currentSrc"


async def test_a_long_press_shows_the_picture_itself_and_a_tap_does_not(
    guest: MakeGuest, camera: Camera, shot: Shot, client: httpx.AsyncClient
) -> None:
    made = await camera.post("/api/ingest/slot-002?reply=image", shot)
    someone = await guest()
    await someone.go(f"/r/{made.headers['x-job-id']}")
    await someone.until(f"{_SHOWN}.includes('/preview')")
    picture = someone.page.locator(".shot").first
    await picture.click()
    box = await picture.bounding_box()
    assert box
    assert "/preview" in await someone.page.evaluate(_SHOWN)
    await someone.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await someone.page.mouse.down()
    await someone.until(f"{_SHOWN}.endsWith('/public/results/{made.headers['x-job-id']}')")
    await someone.page.mouse.up()
    await someone.until("document.querySelector('.shot').complete")
    saved = await client.get(await someone.page.evaluate(_SHOWN))
    assert saved.content == made.body
    assert saved.headers["content-disposition"].startswith("attachment; filename=")


async def test_a_picture_that_does_not_come_at_a_long_press_stays_what_it_was(
    guest: MakeGuest, camera: Camera, shot: Shot
) -> None:
    made = await camera.post("/api/ingest/slot-002?reply=image", shot)
    someone = await guest()
    someone.expected = {503}
    await someone.page.route(
        f"**/public/results/{made.headers['x-job-id']}", lambda route: route.fulfill(status=503, body="")
    )
    await someone.go(f"/r/{made.headers['x-job-id']}")
    async with someone.page.expect_response(f"**/public/results/{made.headers['x-job-id']}"):
        await someone.page.locator(".shot").first.click(button="right")
    await someone.until(f"{_SHOWN}.includes('/preview') && document.querySelector('.shot').naturalWidth > 0")


async def test_the_menu_of_a_second_button_is_for_the_picture_itself(
    guest: MakeGuest, camera: Camera, shot: Shot
) -> None:
    made = await camera.post("/api/ingest/slot-002?reply=image", shot)
    someone = await guest()
    await someone.go(f"/r/{made.headers['x-job-id']}")
    await someone.page.locator(".shot").first.click(button="right")
    await someone.until(f"{_SHOWN}.endsWith('/public/results/{made.headers['x-job-id']}')")


async def test_a_picture_beside_the_guests_own_photo_can_be_pressed_and_the_line_be_moved(
    guest: MakeGuest, camera: Camera, shot: Shot, setting: Change
) -> None:
    await setting("keep_sources_hours", 1)
    made = await camera.post("/api/ingest/slot-002?reply=image", shot)
    someone = await guest()
    await someone.go(f"/r/{made.headers['x-job-id']}")
    mouse, slider = someone.page.mouse, someone.page.get_by_role("slider")
    box = await someone.page.locator("#frame").bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    await mouse.move(box["x"] + box["width"] * 0.12, middle)
    await mouse.down()
    await mouse.move(box["x"] + box["width"] * 0.5, middle, steps=5)
    await mouse.up()
    assert abs(int(await slider.input_value()) - 50) <= 1
    await mouse.move(box["x"] + box["width"] * 0.8, middle)
    await mouse.down()
    await someone.until(f"{_SHOWN}.endsWith('/public/results/{made.headers['x-job-id']}')")
    await mouse.up()
    await slider.press("ArrowLeft")
    assert abs(int(await slider.input_value()) - 49) <= 1
