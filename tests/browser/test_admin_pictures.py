"""UC6: pictures are seen, fetched, hidden, deleted and restored."""

from __future__ import annotations

import asyncio
import io
import uuid
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.browser.conftest import MakePerson
from tests.browser.person import LOOKS
from tests.conftest import Change
from tests.support.camera import Camera, Shot
from tests.support.stack import Stack

pytestmark = pytest.mark.browser

SLOT, MANY = "slot-008", "slot-013"


async def _bytes(started: Any) -> bytes:
    """What was downloaded."""
    path = Path(await (await started.value).path())
    return await asyncio.to_thread(path.read_bytes)


async def _pictures(camera: Camera, shot: Shot, count: int = 1) -> list[str]:
    """So many fresh pictures, the newest first."""
    made: list[str] = []
    for _ in range(count):
        reply = await camera.post(f"/ingest/{SLOT}?reply=json", shot)
        assert reply.status == 200
        made.insert(0, reply.json()["job_id"])
    return made


@pytest.mark.parametrize(("size", "lang"), [("phone", "ru")])
async def test_a_picture_is_seen_and_downloaded(
    admin_person: MakePerson, camera: Camera, shot: Shot, client: httpx.AsyncClient, size: str, lang: str
) -> None:
    [job_id] = await _pictures(camera, shot)
    someone = await admin_person(size=size, lang=lang)
    await someone.go(f"/admin/gallery?slot={SLOT}")
    card = someone.page.locator(f"#shot-{job_id}")
    picture = card.locator("img")
    await picture.wait_for()
    assert await picture.evaluate("one => one.decode().then(() => one.naturalWidth)") == 320
    assert round((await picture.bounding_box() or {})["width"]) <= 160
    async with someone.page.expect_download() as started:
        await card.locator("a[download]").click()
    saved = await _bytes(started)
    assert saved == (await client.get(f"/public/results/{job_id}")).content


async def test_where_short_links_are_on_staff_see_what_a_guest_can_type(
    admin_person: MakePerson, camera: Camera, shot: Shot, client: httpx.AsyncClient, setting: Change
) -> None:
    await setting("short_links", True)
    [job_id] = await _pictures(camera, shot)
    someone = await admin_person()
    await someone.go(f"/admin/gallery?slot={SLOT}")
    await someone.page.click(f"#shot-{job_id} .shot-picture")
    typed = await someone.page.locator("dialog .shot-code code").last.inner_text()
    answer = await client.get("/" + typed.partition("/")[2])
    assert answer.headers["location"] == f"/r/{job_id}"


async def test_a_card_says_at_the_next_poll_that_its_picture_has_expired(
    admin_person: MakePerson, camera: Camera, shot: Shot, stack: Stack
) -> None:
    job_id, other = await _pictures(camera, shot, 2)
    someone = await admin_person()
    someone.expected = {410}  # a preview that is asked for at the moment at which it expires
    await someone.go(f"/admin/gallery?slot={SLOT}")
    await someone.page.wait_for_selector(f"#shot-{job_id}.is-available")
    async with stack.database() as db:
        await db.execute(
            "update job_history set result_expires_at = now() - interval '1 minute' where job_id = $1", job_id
        )
    await someone.page.wait_for_selector(f"#shot-{job_id}.is-expired", timeout=20_000)
    assert await someone.page.locator(f"#shot-{job_id} a[download]").count() == 0
    assert await someone.page.locator(f"#shot-{other}.is-available").count() == 1
    assert await someone.violations() == []
    await someone.screenshot("gallery-expired")


async def test_new_pictures_are_announced_and_shown(
    admin_person: MakePerson, camera: Camera, shot: Shot
) -> None:
    await _pictures(camera, shot)
    someone = await admin_person(size="phone")
    await someone.go(f"/admin/gallery?slot={SLOT}")
    [fresh] = await _pictures(camera, shot)
    await someone.page.click("#shot-news a", timeout=20_000)
    await someone.page.wait_for_selector(f".shots > :first-child#shot-{fresh}")


@pytest.mark.parametrize("size", ["desktop", "phone"])
async def test_hiding_and_deleting_can_be_undone(
    admin_person: MakePerson, camera: Camera, shot: Shot, client: httpx.AsyncClient, size: str
) -> None:
    [job_id] = await _pictures(camera, shot)
    link, card = f"/public/results/{job_id}", f"#shot-{job_id}"
    someone = await admin_person(size=size)
    await someone.go(f"/admin/gallery?slot={SLOT}")
    await someone.page.click(f"{card} .shot-picture")
    await someone.page.wait_for_selector("dialog .shot-code")
    given = await someone.text("dialog .shot-code code")
    assert urlsplit(given).path == f"/r/{job_id}", "guests are given the page, not the file"
    assert (await client.get(urlsplit(given).path)).status_code == 200
    assert await someone.violations() == []
    assert await someone.small_targets() == []
    await someone.screenshot("gallery-picture")
    await someone.page.click("dialog [hx-post$='/hide']")
    await someone.page.wait_for_selector(f"{card}.is-hidden")
    assert (await client.get(link)).status_code == 404
    await someone.page.click("#toasts [hx-post$='/unhide']")
    await someone.page.wait_for_selector(f"{card}.is-available")
    await someone.page.click(f"{card} .shot-picture")
    await someone.page.click("dialog [hx-post$='/hide']")
    await someone.page.wait_for_selector(f"{card}.is-hidden")
    await someone.page.reload()
    await someone.page.click(f"{card} .shot-picture")
    await someone.page.click("dialog [hx-post$='/unhide']")
    await someone.page.wait_for_selector(f"{card}.is-available")
    await someone.page.click(f"{card} form[action$='/delete'] button")
    await someone.page.wait_for_selector(f"{card}.is-deleted")
    assert (await client.get(link)).status_code == 410
    await someone.screenshot("gallery-deleted")
    await someone.page.click("#toasts [hx-post$='/undelete']")
    await someone.page.wait_for_selector(f"{card}.is-available")
    assert (await client.get(link)).status_code == 200


async def test_a_selection_and_everything_come_as_zip(
    admin_person: MakePerson, camera: Camera, shot: Shot
) -> None:
    made = await _pictures(camera, shot, 3)
    someone = await admin_person()
    await someone.go(f"/admin/gallery?slot={SLOT}")
    for job_id in made[:2]:
        await someone.page.check(f"#shot-{job_id} [data-pick]")
    assert await someone.text("[data-picked]") == "2"
    async with someone.page.expect_download() as started:
        await someone.page.click("#zip-form .primary")
    chosen = zipfile.ZipFile(io.BytesIO(await _bytes(started)))
    assert len(chosen.namelist()) == 2
    async with someone.page.expect_download() as started:
        await someone.page.click(".shot-tools a[download]")
    everything = zipfile.ZipFile(io.BytesIO(await _bytes(started)))
    assert len(everything.namelist()) >= 3


@pytest.fixture
async def many(stack: Stack, camera: Camera, shot: Shot) -> AsyncIterator[list[str]]:
    """The ids of 528 pictures of ``MANY``, which share one file."""
    [job_id] = await _pictures(camera, shot)
    async with stack.database() as db:
        of_jobs = "select column_name from information_schema.columns where table_name = 'job_history'"
        own = ("job_id", "slot_id", "short_code")
        columns = [row["column_name"] for row in await db.fetch(of_jobs)]
        same = ", ".join(name for name in columns if name not in own)
        made = await db.fetch(
            f"insert into job_history (job_id, slot_id, {same}) select gen_random_uuid(), $2, {same}"
            " from job_history, generate_series(1, 528) where job_id = $1 returning job_id",
            job_id,
            MANY,
        )
        ids = [str(row["job_id"]) for row in made]
        yield ids
        await db.execute("delete from job_history where job_id = any($1)", ids)


async def test_every_picture_of_a_large_selection_comes_as_zip(
    admin_person: MakePerson, many: list[str]
) -> None:
    someone = await admin_person()
    await someone.page.route("**/preview", lambda route: route.abort("aborted"))
    await someone.go(f"/admin/gallery?slot={MANY}")
    while await someone.page.locator(".shot-more").count():
        await someone.page.mouse.wheel(0, 20_000)
    await someone.page.click("[data-pick-all]")
    assert await someone.text("[data-picked]") == str(len(many))
    async with someone.page.expect_download() as started:
        await someone.page.click("#zip-form .primary")
    chosen = zipfile.ZipFile(io.BytesIO(await _bytes(started)))
    assert len(chosen.namelist()) == len(many)


async def test_no_more_pictures_are_selected_than_one_zip_may_hold(
    admin_person: MakePerson, camera: Camera, shot: Shot
) -> None:
    *_, third = await _pictures(camera, shot, 3)
    someone = await admin_person()
    await someone.go(f"/admin/gallery?slot={SLOT}")
    await someone.page.evaluate("document.getElementById('zip-form').dataset.most = 2")
    await someone.page.click("[data-pick-all]")
    assert "can be selected" in await someone.toast()
    assert await someone.text("[data-picked]") == "2"
    await someone.page.locator(f"#shot-{third} [data-pick]").click()
    assert await someone.text("[data-picked]") == "2"


async def test_a_selection_that_is_too_large_is_refused_in_words(admin_person: MakePerson) -> None:
    someone = await admin_person()
    someone.expected = {400}
    await someone.go("/admin/gallery")
    token = await someone.page.input_value("#zip-form [name=csrf]")
    ids = ",".join(str(uuid.uuid4()) for _ in range(5001))
    answer = await someone.page.context.request.post(
        f"{someone.stack.url}/admin/gallery/zip", form={"csrf": token, "chosen": ids}
    )
    assert answer.status == 400
    assert "At most 5000 pictures go into one ZIP." in await answer.text()


async def test_filters_and_the_next_page_work(
    admin_person: MakePerson, camera: Camera, shot: Shot, stack: Stack
) -> None:
    [job_id] = await _pictures(camera, shot)
    async with stack.database() as db:
        for minutes in range(60):
            await db.execute(
                "insert into job_history (job_id, slot_id, status, provider, operation, upload_type,"
                " upload_size, upload_sha256, deadline_seconds, result_key, result_type,"
                " result_size,"
                " created_at, result_expires_at, cleaned_at)"
                " select gen_random_uuid(), 'slot-015', 'done', provider, operation, upload_type,"
                " upload_size, upload_sha256, deadline_seconds, result_key, result_type,"
                " result_size,"
                " now() - make_interval(days => 9, mins => $2), now() - interval '1 day', now()"
                " from job_history where job_id = $1",
                job_id,
                minutes,
            )
    someone = await admin_person()
    await someone.go("/admin/gallery?slot=slot-015&state=expired")
    await someone.page.hover(".shot")
    for _ in range(40):
        await someone.page.mouse.wheel(0, 800)
        if await someone.page.locator(".shot").count() == 60:
            break
    await someone.page.wait_for_selector(".shot:nth-child(60)", state="attached")
    await someone.page.select_option("#slot", SLOT)
    await someone.page.select_option("#state", "available")
    await someone.page.wait_for_selector(f"#shot-{job_id}")
    assert await someone.page.locator(".shot.is-expired").count() == 0
    async with stack.database() as db:
        await db.execute("delete from job_history where slot_id = 'slot-015' and cleaned_at is not null")


async def test_who_may_only_look_cannot_delete(admin_person: MakePerson, camera: Camera, shot: Shot) -> None:
    [job_id] = await _pictures(camera, shot)
    someone = await admin_person(role="viewer")
    await someone.go(f"/admin/gallery?slot={SLOT}")
    await someone.page.wait_for_selector(f"#shot-{job_id} a[download]")
    assert await someone.page.locator("form[action$='/delete']").count() == 0
    someone.expected = {403}
    status = await someone.page.evaluate(
        """async (id) => (await fetch(`/admin/gallery/${id}/delete`, {method: "POST", headers:
            JSON.parse(document.body.getAttribute("hx-headers"))})).status""",
        job_id,
    )
    assert status == 403


@pytest.mark.parametrize(("size", "lang", "theme"), LOOKS)
async def test_the_gallery_is_whole_and_accessible(
    admin_person: MakePerson, camera: Camera, shot: Shot, size: str, lang: str, theme: str
) -> None:
    await _pictures(camera, shot)
    someone = await admin_person(size=size, lang=lang, theme=theme)
    for name, path in (
        ("gallery", "/admin/gallery"),
        ("gallery-empty", "/admin/gallery?state=hidden&slot=slot-014"),
    ):
        await someone.go(path)
        await someone.assert_whole(name, by_day_and_night=True)


@pytest.mark.parametrize("size", ["narrow", "tablet", "wide"])
async def test_the_gallery_fits_every_screen(admin_person: MakePerson, size: str) -> None:
    someone = await admin_person(size=size, lang="ru")
    await someone.go("/admin/gallery")
    assert await someone.sideways() <= 0
