"""The threads of picture work."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import pytest

from appliance.core.images import WEBP
from appliance.guests.screen_sizes import ScreenSizes
from appliance.media.imaging import Imaging
from appliance.media.previews import Previews, job_preview, square
from appliance.media.store import OWN_PHOTO, RESULT, SCREEN_TYPES, SCREEN_WIDTHS, MediaStore
from tests.support.photos import portrait_jpeg


async def test_a_gallery_being_opened_keeps_no_photo_waiting(tmp_path: Path) -> None:
    media, imaging = MediaStore(tmp_path), Imaging(workers=1)
    media.make_folders()
    media.path("results/large.jpg").write_bytes(portrait_jpeg(1200, 1600))
    photo = tmp_path / "photo"
    photo.write_bytes(portrait_jpeg())
    previews = Previews(media, imaging)
    screens = ScreenSizes(media, previews)
    jobs = [uuid.uuid4() for _ in range(8)]
    opening = [
        *(asyncio.create_task(screens.screen(job, "results/large.jpg", 960, WEBP)) for job in jobs),
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


async def made_in_every_size(screens: ScreenSizes, previews: Previews) -> uuid.UUID:
    """A job of which every preview that there can be was made."""
    job = uuid.uuid4()
    for part in (RESULT, OWN_PHOTO):
        for width in SCREEN_WIDTHS:
            for kind in SCREEN_TYPES:
                await screens.screen(job, "results/one.jpg", width, kind, part=part)
    await previews.ready(job_preview(job), "results/one.jpg", square)
    return job


async def test_every_preview_that_can_be_made_goes_with_its_job_and_no_other(tmp_path: Path) -> None:
    media, imaging = MediaStore(tmp_path), Imaging(workers=1)
    media.make_folders()
    media.path("results/one.jpg").write_bytes(portrait_jpeg(120, 160))
    previews = Previews(media, imaging)
    screens = ScreenSizes(media, previews)
    going, staying = [await made_in_every_size(screens, previews) for _ in range(2)]
    folder, sizes = tmp_path / "previews", len(SCREEN_WIDTHS) * len(SCREEN_TYPES)
    assert len(list(folder.iterdir())) == 2 * (2 * sizes + 1)

    freed = media.remove_previews(going, OWN_PHOTO)
    assert freed > 0
    assert len(list(folder.glob(f"{going}.*"))) == sizes + 1
    media.forget(going)
    assert {path.name.partition(".")[0] for path in folder.iterdir()} == {str(staying)}
    assert len(list(folder.iterdir())) == 2 * sizes + 1
    imaging.close()
