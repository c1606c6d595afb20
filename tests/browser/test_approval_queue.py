"""Moderators who share the queue of pictures that wait for approval."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from playwright.async_api import Request, expect

from tests.browser.conftest import MakePerson
from tests.support.camera import Camera, Shot
from tests.support.stack import Stack

pytestmark = pytest.mark.browser

QUEUE = "/admin/screens/queue"
REJECT, APPROVE = "form[action$=reject] button", "form[action$=approve] button"


@pytest.fixture
async def waiting(
    stack: Stack, admin: httpx.AsyncClient, camera: Camera, shot: Shot
) -> AsyncIterator[list[str]]:
    """Two pictures that wait, the oldest first; no other ones do."""
    async with stack.database() as db:
        await db.execute("delete from shared_gallery")
        await db.execute("update job_history set approved_at = now() where status = 'done'")
        await admin.post("/api/shared-galleries", json={"moderated": True})
        yield [(await camera.post("/api/ingest/slot-002", shot)).headers["x-job-id"] for _ in range(2)]
        await db.execute("delete from shared_gallery")


async def test_who_is_slower_overrides_no_decision_and_is_told_who_was_faster(
    admin_person: MakePerson, stack: Stack, admin: httpx.AsyncClient, waiting: list[str]
) -> None:
    slow = await admin_person(size="phone")
    slow.expected = {409}
    await slow.page.route("**/queue/poll", lambda route: route.abort("aborted"))
    await slow.go(QUEUE)
    await admin.post("/api/shared-galleries/approvals", json={"job_ids": waiting[:1], "approved": False})
    item = slow.page.locator(f"#q-{waiting[0]}")
    await item.locator(APPROVE).tap()
    await expect(slow.page.locator("#queue-last")).to_have_text("serg has already rejected this picture.")
    await expect(item).to_have_count(0)
    row = await stack.row(waiting[0])
    assert (row["approved_at"], row["rejected_at"] is not None) == (None, True)


async def test_a_picture_that_somebody_else_decided_leaves_the_page(
    admin_person: MakePerson, admin: httpx.AsyncClient, waiting: list[str]
) -> None:
    someone = await admin_person(size="phone")
    await someone.go(QUEUE)
    await expect(someone.page.locator(".queue-item")).to_have_count(2)
    await admin.post("/api/shared-galleries/approvals", json={"job_ids": waiting[:1], "approved": True})
    await expect(someone.page.locator(f"#q-{waiting[0]}")).to_have_count(0)
    await expect(someone.page.locator(f"#q-{waiting[1]}")).to_be_visible()


async def test_a_double_tap_decides_about_one_picture(admin_person: MakePerson, waiting: list[str]) -> None:
    someone = await admin_person(size="phone")
    await someone.go(QUEUE)
    decided: list[str] = []

    def note(request: Request) -> None:
        if request.url.endswith("/reject"):
            decided.append(request.url)

    someone.page.on("request", note)
    first, second = (someone.page.locator(f"#q-{job_id}") for job_id in waiting)
    box = await first.locator(REJECT).bounding_box()
    assert box
    finger = (box["x"] + 30, box["y"] + 20)
    await someone.page.touchscreen.tap(*finger)
    await expect(first).to_have_count(0)
    await someone.page.touchscreen.tap(*finger)
    under_it = await second.locator(REJECT).bounding_box()
    assert under_it
    assert abs(under_it["y"] - box["y"]) < 20, "the next picture has come under the finger"
    await expect(someone.page.locator("#queue.moved")).to_have_count(0)
    assert len(decided) == 1
    await second.locator(REJECT).tap()
    await expect(second).to_have_count(0)
