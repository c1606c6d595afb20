"""The threads of picture work."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import pytest

from appliance.guests.screens import Screens
from appliance.media.imaging import Imaging
from appliance.media.previews import Previews, job_preview, square
from appliance.media.store import MediaStore
from tests.support.photos import portrait_jpeg


async def test_a_gallery_being_opened_keeps_no_photo_waiting(tmp_path: Path) -> None:
    media, imaging = MediaStore(tmp_path), Imaging(workers=1)
    media.make_folders()
    media.path("results/large.jpg").write_bytes(portrait_jpeg(1200, 1600))
    photo = tmp_path / "photo"
    photo.write_bytes(portrait_jpeg())
    previews = Previews(media, imaging)
    screens = Screens(media, previews)
    jobs = [uuid.uuid4() for _ in range(8)]
    opening = [
        *(asyncio.create_task(screens.screen(job, "results/large.jpg", 960, "webp")) for job in jobs),
        *(asyncio.create_task(previews.ready(job_preview(job), "results/large.jpg", square)) for job in jobs),
    ]
    await asyncio.wait(opening, return_when=asyncio.FIRST_COMPLETED)
    await imaging.receive(photo, max_pixels=1_000_000)
    still_opening = [task for task in opening if not task.done()]
    assert len(still_opening) > len(opening) / 2
    await asyncio.gather(*opening)
    imaging.close()


async def test_a_preview_of_a_picture_that_is_deleted_meanwhile_is_not_kept(tmp_path: Path) -> None:
    media, imaging = MediaStore(tmp_path), Imaging(workers=1)
    media.make_folders()
    media.path("results/one.jpg").write_bytes(portrait_jpeg())

    def make(path: Path) -> bytes:
        data = square(path)
        path.unlink()
        return data

    with pytest.raises(FileNotFoundError):
        await Previews(media, imaging).ready("previews/one.webp", "results/one.jpg", make)
    assert not list((tmp_path / "previews").iterdir())
    imaging.close()
