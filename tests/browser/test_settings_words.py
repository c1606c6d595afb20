"""What the settings say by themselves: an account that takes no uploads, and why AI pictures are marked."""

from __future__ import annotations

import pytest

from tests.browser.conftest import MakePerson
from tests.conftest import Change
from tests.support.camera import Camera, Shot
from tests.support.stack import Stack

pytestmark = pytest.mark.browser

TRIED = {
    "provider": "turbotext", "operation": "image_edit", "started_ms": 1, "outcome": "failed",
    "reason": "upload_not_accepted",
}  # fmt: skip


@pytest.mark.parametrize(
    ("lang", "size", "said"),
    [("en", "desktop", "may need addresses instead"), ("ru", "phone", "Турботекст")],
)
async def test_the_connections_say_that_turbotext_did_not_take_the_upload(
    admin_person: MakePerson, stack: Stack, camera: Camera, shot: Shot, setting: Change,
    lang: str, size: str, said: str,
) -> None:  # fmt: skip
    await setting("providers", {"turbotext": {"transport": "upload"}})
    job_id = (await camera.post("/api/ingest/slot-002", shot)).headers["x-job-id"]
    someone = await admin_person(lang=lang, size=size)
    async with stack.database() as db:
        await db.execute("update job_history set attempts = $2 where job_id = $1", job_id, [TRIED])
    try:
        await someone.go("/admin/settings")
        note = someone.page.locator("#connections .note.warn")
        assert said in await note.inner_text()
        async with stack.database() as db:
            newer = [{**TRIED, "outcome": "delivered", "reason": None}]
            await db.execute("update job_history set attempts = $2 where job_id = $1", job_id, newer)
        await someone.go("/admin/settings")
        assert await note.count() == 0
    finally:
        async with stack.database() as db:
            await db.execute("update job_history set attempts = '[]' where job_id = $1", job_id)


@pytest.mark.parametrize(("lang", "said"), [("en", "AI Act, article 50"), ("ru", "50")])
async def test_the_section_of_ai_pictures_says_why_they_are_marked(
    admin_person: MakePerson, lang: str, said: str
) -> None:
    someone = await admin_person(lang=lang)
    await someone.go("/admin/settings")
    section = someone.page.locator("section", has=someone.page.locator("[name=ai_rules]"))
    assert said in await section.locator("p").first.inner_text()
