"""The threads of picture work."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

from appliance.guests.screens import Screens
from appliance.media.imaging import Imaging
from appliance.media.previews import Previews, job_preview
from appliance.media.store import MediaStore
from tests.support.photos import portrait_jpeg


async def test_a_gallery_being_opened_keeps_no_photo_waiting(tmp_path: Path) -> None:
    media, imaging = MediaStore(tmp_path), Imaging(workers=1)
    media.make_folders()
    media.path("results/large.jpg").write_bytes(portrait_jpeg(1200, 1600))
    photo = tmp_path / "photo"
    photo.write_bytes(portrait_jpeg())
    screens, previews = Screens(media, imaging), Previews(media, imaging)
    jobs = [uuid.uuid4() for _ in range(8)]
    opening = [
        *(asyncio.create_task(screens.screen(job, "results/large.jpg", 960, "webp")) for job in jobs),
        *(
            asyncio.create_task(previews.ready(job_preview(job), "results/large.jpg", square=True))
            for job in jobs
        ),
    ]
    await asyncio.wait(opening, return_when=asyncio.FIRST_COMPLETED)
    await imaging.receive(photo, max_pixels=1_000_000)
    still_opening = [task for task in opening if not task.done()]
    assert len(still_opening) > len(opening) / 2
    await asyncio.gather(*opening)
    imaging.close()
