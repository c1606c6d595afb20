"""The end of an event: export, then wipe."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import replace
from typing import Any

import httpx
import pytest

from appliance.providers.attempts import Attempt
from tests.conftest import Change
from tests.integration.test_guest_pages import job
from tests.standins import Script, StandIn
from tests.support.camera import Camera, Reply, Shot
from tests.support.logins import code
from tests.support.photos import camera_jpeg_24mp
from tests.support.slots import with_gemini
from tests.support.stack import Stack
from tests.support.waiting import until

EXPORT, WIPE, STATE = "/api/event/export", "/api/event/wipe", "/api/event"
SURE = {"confirm": "wipe everything"}
INSISTING = SURE | {"even_not_exported": True}


def opened(reply: httpx.Response) -> tuple[zipfile.ZipFile, list[dict[str, str]]]:
    """The archive, and its table."""
    archive = zipfile.ZipFile(io.BytesIO(reply.content))
    return archive, list(
        csv.DictReader(io.StringIO(archive.read("pictures.csv").decode("utf-8-sig"), newline=""))
    )


async def state(admin: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await admin.get(STATE)).json()
    return found


async def files_of_jobs(stack: Stack) -> list[str]:
    """Pictures that belong to a job; other tests may have left some whose row they removed."""
    jobs = set((await stack.value("select array_agg(job_id::text) from job_history")) or [])
    folders = (stack.media / "results", stack.media / "previews")
    return [path.name for folder in folders for path in folder.iterdir() if path.name.split(".")[0] in jobs]


async def exported(admin: httpx.AsyncClient) -> httpx.Response:
    """An export; its pictures are marked a moment after the last byte."""
    reply = await admin.post(EXPORT)
    assert reply.headers["content-type"] == "application/zip"

    async def marked() -> bool:
        return bool((await state(admin))["not_exported"] == 0)

    await until(marked)
    return reply


async def test_an_event_is_taken_home_whole(camera: Camera, shot: Shot, admin: httpx.AsyncClient) -> None:
    shot.fields |= {"survey1_name": "=Maria", "survey2_email": "maria@example.org"}
    made = await camera.post("/api/ingest/slot-002?reply=image", shot)
    archive, table = opened(await admin.post(EXPORT))
    assert archive.testzip() is None
    # Every file is in the table; a row whose file somebody removed has none in the archive.
    named = {row["file"] for row in table} | {row["photo"] for row in table}
    assert set(archive.namelist()) - {"pictures.csv", "pictures-excel.csv"} <= named
    assert archive.read(table[-1]["file"]) == made.body
    assert table[-1]["sent.survey1_name"] == "'=Maria", "no spreadsheet takes it for a formula"
    assert table[-1]["sent.survey2_email"] == "maria@example.org"
    assert table[-1]["slot"] == "slot-002"


async def test_the_table_opens_in_excel_of_any_country(
    camera: Camera, shot: Shot, admin: httpx.AsyncClient
) -> None:
    shot.fields |= {"survey1_name": 'Анна, "Müller"; ü', "survey2_words": "two\nlines\tand a tab"}
    await camera.post("/api/ingest/slot-002", shot)
    archive, table = opened(await admin.post(EXPORT))
    raw = archive.read("pictures-excel.csv")
    assert raw.startswith(b"\xff\xfe"), "Excel takes it for UTF-16, whose columns are parted by tabs"
    rows = csv.DictReader(io.StringIO(raw.decode("utf-16"), newline=""), dialect=csv.excel_tab)
    assert list(rows) == table
    assert table[-1]["sent.survey1_name"] == 'Анна, "Müller"; ü'


async def test_the_table_says_what_pictures_cost_and_what_is_not_known(
    stack: Stack, camera: Camera, shot: Shot, admin: httpx.AsyncClient
) -> None:
    free, paid = [await camera.post("/api/ingest/slot-002?reply=image", shot) for _ in range(2)]
    tried = Attempt("gemini", "image_edit", None, None, 1, billed=True)
    attempts = [tried.stored(), replace(tried, price="0.0336", currency="USD").stored()]
    async with stack.database() as db:
        await db.execute("update job_history set attempts = $2 where job_id = $1", job(paid), attempts)
    _, table = opened(await admin.post(EXPORT))
    assert [(row["cost.USD"], row["cost_unknown"]) for row in table[-2:]] == [("", ""), ("0.0336", "1")]
    assert free.status == 200


async def test_hidden_pictures_and_kept_photos_are_in_folders_of_their_own(
    stack: Stack, camera: Camera, shot: Shot, admin: httpx.AsyncClient, setting: Change
) -> None:
    await setting("keep_sources_hours", 1)
    made = await camera.post("/api/ingest/slot-002?reply=image", shot)
    async with stack.database() as db:
        await db.execute("update job_history set hidden_at = now() where job_id = $1", job(made))
    archive, table = opened(await admin.post(EXPORT))
    row = table[-1]
    assert row["hidden"] == "yes"
    assert row["file"].startswith("hidden/")
    assert archive.read(row["file"]) == made.body
    assert archive.read(row["photo"]) == shot.photo


@pytest.fixture
async def kept(camera: Camera, shot: Shot, setting: Change) -> Reply:
    """A picture whose guest's own photo is kept."""
    await setting("keep_sources_hours", 1)
    return await camera.post("/api/ingest/slot-002", shot)


@pytest.fixture
async def expired(stack: Stack, kept: Reply) -> Reply:
    """The same, its picture's time over."""
    async with stack.database() as db:
        over = "update job_history set result_expires_at = now() - interval '1 s' where job_id = $1"
        await db.execute(over, job(kept))
    return kept


async def test_a_photo_whose_picture_has_expired_is_in_the_archive(
    expired: Reply, shot: Shot, admin: httpx.AsyncClient
) -> None:
    archive, table = opened(await exported(admin))
    assert table[-1]["file"] == ""
    assert archive.read(table[-1]["photo"]) == shot.photo


async def test_a_photo_that_no_picture_came_of_is_in_the_archive(
    camera: Camera, shot: Shot, admin: httpx.AsyncClient, setting: Change, slot: Change, gemini: StandIn
) -> None:
    await setting("keep_sources_hours", 1)
    await slot("slot-003", **with_gemini())
    gemini.script = Script(["refused"])
    assert (await camera.post("/api/ingest/slot-003", shot)).status == 502
    archive, table = opened(await exported(admin))
    assert (table[-1]["slot"], table[-1]["file"]) == ("slot-003", "")
    assert archive.read(table[-1]["photo"]) == shot.photo


async def test_no_photo_is_wiped_that_was_not_exported(
    stack: Stack, expired: Reply, admin: httpx.AsyncClient
) -> None:
    before = await state(admin)
    assert (before["not_exported"] >= 1, before["photos"] >= 1) == (True, True)
    assert code(await admin.post(WIPE, json=SURE)) == (409, "event_not_exported")
    assert (stack.media / f"sources/{job(expired)}.jpg").exists()
    await exported(admin)
    assert (await admin.post(WIPE, json=SURE)).json()["photos"] >= 1
    assert not (stack.media / f"sources/{job(expired)}.jpg").exists()


@pytest.mark.parametrize("by", ["guest", "staff"])
async def test_a_deleted_picture_does_not_come_back_with_its_photo(
    kept: Reply, admin: httpx.AsyncClient, client: httpx.AsyncClient, setting: Change, by: str
) -> None:
    await setting("guests_may_delete", True)
    _, before = opened(await admin.post(EXPORT))
    if by == "guest":
        assert (await client.post(f"/r/{job(kept)}/delete")).status_code == 303
    else:
        assert (await admin.delete(f"/api/jobs/{job(kept)}/result")).status_code == 200
    _, after = opened(await admin.post(EXPORT))
    assert len(after) == len(before) - 1


async def test_a_wipe_needs_the_words_and_the_permission(
    admin: httpx.AsyncClient, viewer: httpx.AsyncClient
) -> None:
    assert (await admin.post(WIPE, json={"confirm": "yes"})).status_code == 422
    assert (await viewer.post(WIPE, json=SURE)).status_code == 403


async def test_nothing_is_wiped_that_was_not_exported_unless_somebody_insists(
    stack: Stack, camera: Camera, shot: Shot, admin: httpx.AsyncClient
) -> None:
    made = await camera.post("/api/ingest/slot-002", shot)
    assert (await state(admin))["not_exported"] >= 1
    assert code(await admin.post(WIPE, json=SURE)) == (409, "event_not_exported")
    assert (stack.media / (await stack.row(job(made)))["result_key"]).exists()
    report = (await admin.post(WIPE, json=INSISTING)).json()
    assert report["pictures"] >= 1
    assert await files_of_jobs(stack) == []


async def test_an_export_that_broke_off_does_not_count(
    camera: Camera, shot: Shot, admin: httpx.AsyncClient, setting: Change
) -> None:
    shot.photo = camera_jpeg_24mp()  # so much does not fit into the buffers on the way
    assert len(shot.photo) > 8_000_000
    await setting("keep_sources_hours", 1)
    for _ in range(2):
        await camera.post("/api/ingest/slot-002", shot)
    before = (await state(admin))["not_exported"]
    async with admin.stream("POST", EXPORT) as reply:
        async for _ in reply.aiter_bytes(1000):
            break
    assert (await state(admin))["not_exported"] == before
    assert code(await admin.post(WIPE, json=SURE)) == (409, "event_not_exported")


async def test_after_a_wipe_nothing_of_a_guest_is_left(
    stack: Stack, camera: Camera, shot: Shot, admin: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    made = await camera.post("/api/ingest/slot-002", shot)
    gallery = (await admin.post("/api/shared-galleries", json={})).json()
    await client.get(f"/public/results/{job(made)}/preview")
    await exported(admin)
    report = (await admin.post(WIPE, json=SURE)).json()
    assert report["pictures"] >= 1
    assert report["galleries"] >= 1
    assert report["freed_bytes"] > 0
    assert report["not_exported"] == 0
    assert (await client.get(f"/public/results/{job(made)}")).status_code == 410
    assert (await client.get(httpx.URL(gallery["url"]).path)).status_code == 404
    assert await files_of_jobs(stack) == []
    left = "select count(*) from job_history where status <> 'pending' and request_fields::text <> '{}'"
    assert await stack.value(left) == 0
    assert (await admin.get("/api/booths/requests")).json() == {"booths": []}
    again = (await admin.post(WIPE, json=SURE)).json()
    assert again["rows"] == 0
    assert (await state(admin))["pictures"] == 0


async def test_a_wipe_takes_a_picture_that_a_crash_left_without_an_entry(
    stack: Stack, camera: Camera, shot: Shot, admin: httpx.AsyncClient
) -> None:
    made = job(await camera.post("/api/ingest/slot-002", shot))
    change = "update job_history set status = 'failed', result_key = null, result_expires_at = null"
    async with stack.database() as db:
        await db.execute(f"{change} where job_id = $1", made)
    assert made in {name.partition(".")[0] for name in await files_of_jobs(stack)}
    await admin.post(WIPE, json=INSISTING)
    assert made not in {name.partition(".")[0] for name in await files_of_jobs(stack)}
