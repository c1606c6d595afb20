"""The jobs page: what became of each photo, why, and once more."""

from __future__ import annotations

import pytest

from tests.browser.conftest import MakePerson
from tests.browser.person import LOOKS
from tests.conftest import Change
from tests.support.camera import Camera, Shot
from tests.support.stack import Stack

pytestmark = pytest.mark.browser


async def _failed_job(stack: Stack, camera: Camera, shot: Shot) -> str:
    """A job as one that the provider refused."""
    reply = await camera.post("/ingest/slot-006?reply=json", shot)
    job_id: str = reply.json()["job_id"]
    async with stack.database() as db:
        await db.execute(
            "update job_history set status = 'failed', failure_reason = 'provider_failed', result_key = null,"
            " result_expires_at = null, error = $2, attempts = $3 where job_id = $1",
            job_id,
            {"code": "provider_failed", "fields": {"provider": "API_KEY_INVALID"}},
            [
                {"provider": "gemini", "operation": "image_edit", "key": "…f3a9", "started_ms": 40, "ms": 300,
                 "outcome": "failed", "reason": "API_KEY_INVALID", "detail": "API key not valid",
                 "http_status": 400}
            ],
        )  # fmt: skip
    return job_id


@pytest.mark.parametrize(("size", "lang"), [("phone", "ru")])
async def test_a_failed_job_says_why_and_what_to_do(
    admin_person: MakePerson, stack: Stack, camera: Camera, shot: Shot, size: str, lang: str
) -> None:
    job_id = await _failed_job(stack, camera, shot)
    what = {"en": "does not accept the API key", "ru": "не принимает ключ API"}[lang]
    someone = await admin_person(size=size, lang=lang)
    await someone.go("/admin/jobs")
    await someone.page.fill("#q", job_id[:8])
    await someone.page.wait_for_selector(".job-row:only-child")
    assert what in await someone.text(".job-row")
    await someone.page.click(".job-row .cover")
    await someone.page.wait_for_url(f"**/admin/jobs/{job_id}")
    assert what in await someone.text("#job .note.bad")
    attempt = await someone.text(".attempt")
    for said in ("Gemini", "…f3a9", "HTTP 400", "API_KEY_INVALID", "API key not valid"):
        assert said in attempt
    assert await someone.violations() == []
    await someone.screenshot("job-failed")


async def test_a_job_runs_again_while_its_photo_is_kept(
    admin_person: MakePerson, setting: Change, stack: Stack, camera: Camera, shot: Shot
) -> None:
    await setting("keep_sources_hours", 1)
    job_id = await _failed_job(stack, camera, shot)
    someone = await admin_person()
    await someone.go(f"/admin/jobs/{job_id}")
    await someone.page.click("form[action$='/run-again'] button")
    await someone.page.wait_for_url(lambda url: "/admin/jobs/" in url and job_id not in url)
    await someone.page.wait_for_selector("#job .outcome.done")
    assert await someone.page.locator("#job .compare img").count() == 2, "the photo and the picture"
    assert await someone.violations() == []
    await someone.screenshot("job-again")


async def test_jobs_are_filtered_and_a_wrong_number_is_explained(
    admin_person: MakePerson, stack: Stack, camera: Camera, shot: Shot
) -> None:
    await _failed_job(stack, camera, shot)
    someone = await admin_person(lang="ru")
    await someone.go("/admin/jobs")
    await someone.page.select_option("#status", "failed")
    await someone.page.wait_for_selector(".job-row")
    await someone.until("!document.querySelector('.job-row .outcome.done')")
    await someone.page.fill("#q", "xyz")
    await someone.page.wait_for_selector("#job-list .empty")
    assert "Введите начало номера" in await someone.text("#job-list .empty")


@pytest.mark.parametrize(("size", "lang", "theme"), LOOKS)
async def test_the_pages_of_jobs_are_whole_and_accessible(
    admin_person: MakePerson, stack: Stack, camera: Camera, shot: Shot, size: str, lang: str, theme: str
) -> None:
    failed = await _failed_job(stack, camera, shot)
    done = (await camera.post("/ingest/slot-006?reply=json", shot)).json()["job_id"]
    someone = await admin_person(size=size, lang=lang, theme=theme)
    pages = {"jobs": "/admin/jobs", "job": f"/admin/jobs/{done}", "job-refused": f"/admin/jobs/{failed}"}
    for name, path in pages.items():
        await someone.go(path)
        await someone.assert_whole(name, by_day_and_night=True)


@pytest.mark.parametrize("size", ["narrow", "tablet", "wide"])
async def test_the_pages_of_jobs_fit_every_screen(
    admin_person: MakePerson, stack: Stack, camera: Camera, shot: Shot, size: str
) -> None:
    failed = await _failed_job(stack, camera, shot)
    someone = await admin_person(size=size, lang="ru")
    for path in ("/admin/jobs", f"/admin/jobs/{failed}"):
        await someone.go(path)
        assert await someone.sideways() <= 0, path
