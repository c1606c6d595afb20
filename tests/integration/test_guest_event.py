"""The end of an event: export, then wipe."""

from __future__ import annotations

import csv
import io
import zipfile

import httpx

from tests.integration.test_guest_pages import job
from tests.support.camera import Camera, Shot
from tests.support.stack import Stack


async def test_an_event_is_taken_home_whole(camera: Camera, shot: Shot, admin: httpx.AsyncClient) -> None:
    shot.fields["survey1_name"] = "=Maria"
    made = await camera.post("/api/ingest/slot-002?reply=image", shot)
    reply = await admin.post("/api/event/export")
    assert reply.headers["content-type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(reply.content))
    table = list(csv.DictReader(io.StringIO(archive.read("pictures.csv").decode("utf-8-sig"))))
    # Every file is in the table; a row whose file somebody removed has none in the archive.
    assert set(archive.namelist()) - {"pictures.csv"} <= {row["file"] for row in table}
    assert archive.read(table[-1]["file"]) == made.body
    assert '"survey1_name": "=Maria"' in table[-1]["fields"]


async def test_a_wipe_needs_the_words_and_the_permission(
    admin: httpx.AsyncClient, viewer: httpx.AsyncClient
) -> None:
    assert (await admin.post("/api/event/wipe", json={"confirm": "yes"})).status_code == 422
    assert (await viewer.post("/api/event/wipe", json={"confirm": "wipe everything"})).status_code == 403


async def test_after_a_wipe_nothing_of_a_guest_is_left(
    stack: Stack, camera: Camera, shot: Shot, admin: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    made = await camera.post("/api/ingest/slot-002", shot)
    gallery = (await admin.post("/api/shared-galleries", json={})).json()
    await client.get(f"/public/results/{job(made)}/preview")
    report = (await admin.post("/api/event/wipe", json={"confirm": "wipe everything"})).json()
    assert report["pictures"] >= 1
    assert report["galleries"] >= 1
    assert report["freed_bytes"] > 0
    assert (await client.get(f"/public/results/{job(made)}")).status_code == 410
    assert (await client.get(httpx.URL(gallery["url"]).path)).status_code == 404
    assert list((stack.media / "results").iterdir()) == []
    assert list((stack.media / "previews").glob("????????-*")) == []
    left = "select count(*) from job_history where status <> 'pending' and request_fields::text <> '{}'"
    assert await stack.value(left) == 0
    again = (await admin.post("/api/event/wipe", json={"confirm": "wipe everything"})).json()
    assert again["rows"] == 0
