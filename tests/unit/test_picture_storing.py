"""A fallback's picture is stored while a better one is awaited, and the better one takes its place."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import pytest

from appliance.core.clock import Deadline
from appliance.core.errors import StorageFull
from appliance.core.images import EncodedImage
from appliance.ingest.storing import PictureStoring
from appliance.media.store import MediaStore, StoredFile
from appliance.providers.attempts import Attempt, Delivery, Outcome
from appliance.providers.base import EditedImage, Params
from appliance.providers.routes import Route
from tests.support.waiting import until


class NoParams(Params):
    """Nothing can be chosen."""


JOB = uuid.uuid4()


def picture(data: bytes, media_type: str = "image/jpeg") -> Delivery:
    """A picture that came from the local driver."""
    route = Route("local", "glow", None, NoParams())
    attempt = Attempt.begin(route, None, Deadline.after(1))
    attempt.outcome = Outcome.PICTURE
    return Delivery(route, attempt, EditedImage(data, media_type, 1, 1))


@pytest.fixture
def media(tmp_path: Path) -> MediaStore:
    made = MediaStore(tmp_path)
    made.make_folders()
    return made


def storing_in(
    media: MediaStore, *, late: bytes | None = None, error: Exception | None = None, written: bool = False
) -> PictureStoring:
    """Stores pictures as they are; the one with the bytes ``late`` fails with ``error``, maybe written."""

    async def store(delivery: Delivery) -> StoredFile:
        if delivery.picture.data == late and error:
            if written:
                await media.put(f"results/{JOB}.jpg", delivery.picture.data)
            raise error
        return await media.put_result(JOB, EncodedImage(delivery.picture.data, delivery.picture.media_type))

    return PictureStoring(JOB, media, store)


def results(media: MediaStore) -> dict[str, bytes]:
    return {path.suffix: path.read_bytes() for path in (media.root / "results").iterdir()}


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png"])
async def test_a_better_picture_takes_the_place_of_the_one_that_was_stored(
    media: MediaStore, media_type: str
) -> None:
    storing = storing_in(media)
    better = picture(b"better", media_type)
    storing.begin(picture(b"fallback"))
    await asyncio.sleep(0)
    file = await storing.stored(better)
    assert results(media) == {Path(file.key).suffix: b"better"}


@pytest.mark.parametrize("error", [TimeoutError(), StorageFull(retry_after=1), ValueError()])
async def test_a_better_picture_that_cannot_be_stored_any_more_leaves_the_one_that_was(
    media: MediaStore, error: Exception
) -> None:
    storing = storing_in(media, late=b"better", error=error)
    fallback, better = picture(b"fallback"), picture(b"better")
    storing.begin(fallback)
    assert (await storing.stored(fallback)).size == len(b"fallback")
    better.attempt.outcome = Outcome.DELIVERED
    assert (await storing.stored(better)).size == len(b"fallback")
    assert (fallback.attempt.outcome, better.attempt.outcome) == (Outcome.DELIVERED, Outcome.PICTURE)
    assert results(media) == {".jpg": b"fallback"}


async def test_a_better_picture_whose_writing_ended_after_all_is_the_one_that_is_delivered(
    media: MediaStore,
) -> None:
    storing = storing_in(media, late=b"better", error=TimeoutError(), written=True)
    better = picture(b"better")
    storing.begin(picture(b"fallback"))
    better.attempt.outcome = Outcome.DELIVERED
    assert (await storing.stored(better)).size == len(b"better")
    assert better.attempt.outcome == Outcome.DELIVERED


@pytest.mark.parametrize("came_through", [True, False], ids=["stored", "being written when time was up"])
async def test_a_job_that_ends_without_a_picture_leaves_no_file(
    media: MediaStore, came_through: bool
) -> None:
    error = None if came_through else TimeoutError()
    storing = storing_in(media, late=b"held", error=error, written=True)
    storing.begin(picture(b"held"))
    await until(lambda: results(media), seconds=5)
    await storing.aclose()
    assert results(media) == {}


async def test_the_end_of_a_job_leaves_its_picture(media: MediaStore) -> None:
    storing, delivery = storing_in(media), picture(b"made")
    await storing.stored(delivery)
    await storing.aclose()
    assert results(media) == {".jpg": b"made"}
