"""A photo's way through the appliance (UC2)."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
from datetime import timedelta

import httpx
import pytest
from PIL import Image, ImageCms

from tests.support.camera import Camera, Shot
from tests.support.photos import camera_jpeg_24mp, portrait_jpeg, with_exif
from tests.support.stack import Stack


async def test_a_photo_becomes_a_done_job_with_its_result_kept_for_72_hours(
    stack: Stack, camera: Camera, shot: Shot
) -> None:
    reply = await camera.post("/api/ingest/slot-002?reply=json", shot)
    row = await stack.row(reply.json()["job_id"])
    assert (row["status"], row["slot_id"], row["source"]) == ("done", "slot-002", "ingest")
    assert (row["provider"], row["operation"]) == ("local", "vintage")
    kept_for = row["result_expires_at"] - row["finished_at"]
    assert abs(kept_for - timedelta(hours=72)) < timedelta(seconds=5)
    assert row["upload_sha256"] == hashlib.sha256(shot.photo).hexdigest()
    assert row["upload_sha1"] == ""
    assert (row["upload_name"], row["upload_type"]) == ("IMG_0003.JPG", "image/jpeg")
    assert set(row["timings"]) == {"receive", "wait", "provider", "finish", "store", "total"}
    assert [attempt["outcome"] for attempt in row["attempts"]] == ["delivered"]


async def test_the_result_lies_under_the_jobs_id_and_no_upload_is_left(
    stack: Stack, camera: Camera, shot: Shot
) -> None:
    reply = await camera.post("/api/ingest/slot-001?reply=image", shot)
    row = await stack.row(reply.headers["x-job-id"])
    assert row["result_key"] == f"results/{reply.headers['x-job-id']}.jpg"
    assert (stack.media / row["result_key"]).read_bytes() == reply.body
    assert row["result_size"] == len(reply.body)
    assert stack.temp_files() == []


async def test_the_guest_downloads_what_the_booth_got(
    camera: Camera, shot: Shot, client: httpx.AsyncClient
) -> None:
    reply = await camera.post("/api/ingest/slot-001?reply=image", shot)
    downloaded = await client.get(reply.headers["x-public-url"])
    assert downloaded.content == reply.body


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
async def test_a_turned_photo_comes_back_upright(camera: Camera, shot: Shot, orientation: int) -> None:
    shot.photo = with_exif(orientation)
    reply = await camera.post("/api/ingest/slot-007?reply=image", shot)
    expected = (600, 400) if orientation in (1, 3) else (400, 600)
    assert Image.open(io.BytesIO(reply.body)).size == expected


async def test_what_is_published_carries_no_metadata_but_its_colour_profile(
    camera: Camera, shot: Shot
) -> None:
    shot.photo = with_exif(6)
    assert b"SERIAL-12345" in shot.photo
    reply = await camera.post("/api/ingest/slot-001?reply=image", shot)
    picture = Image.open(io.BytesIO(reply.body))
    assert b"SERIAL-12345" not in reply.body
    assert dict(picture.getexif()) == {}
    profile = ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))
    assert "RGB" in ImageCms.getProfileDescription(profile)


async def test_a_camera_file_of_24_megapixels_is_processed_in_time(camera: Camera, shot: Shot) -> None:
    shot.photo = camera_jpeg_24mp()
    reply = await camera.post("/api/ingest/slot-001?reply=image", shot)
    assert reply.status == 200
    assert max(Image.open(io.BytesIO(reply.body)).size) == 3000


async def test_the_public_base_of_links_is_the_requests_own_host(camera: Camera, shot: Shot) -> None:
    booth = Camera(camera.port, "localhost")
    reply = await booth.post("/api/ingest/slot-001", shot)
    assert reply.headers["x-public-url"].startswith(f"http://localhost:{camera.port}/public/results/")


async def test_job_ids_are_random_not_sequential(camera: Camera, shot: Shot) -> None:
    first, second = [(await camera.post("/api/ingest/slot-001", shot)).headers["x-job-id"] for _ in range(2)]
    shared = os.path.commonprefix([first, second])  # noqa: RUF071 - characters are meant
    assert len(shared) < 8


async def test_a_photo_of_fifteen_booths_at_once_is_answered_to_each(camera: Camera, password: str) -> None:
    shots = [Shot(portrait_jpeg(320 + 8 * number, 400), password) for number in range(15)]
    replies = await asyncio.gather(
        *(
            camera.post(f"/api/ingest/slot-{number % 8 + 1:03d}?reply=json", shot)
            for number, shot in enumerate(shots)
        )
    )
    assert [reply.status for reply in replies] == [200] * 15
    assert len({reply.json()["job_id"] for reply in replies}) == 15
