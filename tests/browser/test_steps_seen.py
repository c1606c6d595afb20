"""How far a picture has got on a ComfyUI machine, on every page that shows it being made."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.browser.conftest import MakePerson
from tests.conftest import Change
from tests.standins import StandIn
from tests.standins.comfyui import ComfyUI
from tests.support.camera import Camera, Shot
from tests.support.slots import with_workflow

pytestmark = pytest.mark.browser

SLOT = "slot-014"
URL = f"/api/ingest/{SLOT}?reply=image"


@pytest.mark.parametrize(
    ("size", "lang", "theme", "words"),
    [("phone", "ru", "dark", "шаг 3 из 8"), ("desktop", "en", "light", "step 3 of 8")],
)
async def test_the_step_is_on_the_card_and_on_the_jobs_page_while_the_picture_is_made(
    admin_person: MakePerson,
    camera: Camera,
    shot: Shot,
    slot: Change,
    standins: dict[str, StandIn],
    admin: httpx.AsyncClient,
    size: str,
    lang: str,
    theme: str,
    words: str,
) -> None:
    await slot(SLOT, **with_workflow())
    machine = standins["comfyui"]
    assert isinstance(machine, ComfyUI)
    machine.hold_at(3)
    someone = await admin_person(size=size, lang=lang, theme=theme)
    await someone.go("/admin/")
    await someone.page.wait_for_selector("#pulse[data-state=live]")
    await someone.unfold_card(SLOT)
    photo = asyncio.create_task(camera.post(URL, shot))
    try:
        await someone.page.wait_for_selector(f"#{SLOT} .making:has-text('{words}')")
        await someone.page.locator(f"#{SLOT}").scroll_into_view_if_needed()
        await someone.screenshot("steps-card")
        [job] = (await admin.get("/api/jobs", params={"slot": SLOT, "status": "pending"})).json()["jobs"]
        await someone.go(f"/admin/jobs/{job['job_id']}")
        await someone.page.wait_for_selector(f"#job .making:has-text('{words}')")
        assert await someone.page.locator("#attempts-title").count() == 0, "nothing of it has ended"
        await someone.screenshot("steps-job")
    finally:
        machine.held.set()
    assert (await photo).status == 200
    await someone.page.wait_for_selector("#job .outcome.done")
    assert await someone.page.locator("#job .making").count() == 0
