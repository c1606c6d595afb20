"""Pictures that a provider fetches by address, from whichever process it comes to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.core.errors import ResultExpired, ResultNotFound
from appliance.core.images import EncodedImage
from appliance.core.siblings import Siblings
from appliance.media.temporary_media import PATH, TemporaryMedia

BASE = "https://booth.example.org"
IMAGE = EncodedImage(bytes(range(256)) * 4000, "image/jpeg")


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[TemporaryMedia, TemporaryMedia]]:
    """Those of two processes of one app."""
    siblings = [Siblings(f"unix:{tmp_path}/app.sock", number, 2) for number in (1, 2)]
    for one in siblings:
        await one.open()
    yield TemporaryMedia(siblings[0]), TemporaryMedia(siblings[1])
    for one in siblings:
        await one.aclose()


async def test_any_process_gives_the_picture_until_its_job_has_ended(
    both: tuple[TemporaryMedia, TemporaryMedia],
) -> None:
    with both[0].for_job(BASE) as job:
        assert job
        token = job.publish(IMAGE).removeprefix(BASE + PATH)
        for one in both:
            found = await one.find(token)
            assert (found.data, found.media_type) == (IMAGE.data, IMAGE.media_type)
    for one in both:
        with pytest.raises(ResultExpired):
            await one.find(token)


@pytest.mark.parametrize("token", ["guessed", "A" * 32])
async def test_what_nobody_lent_is_not_found(both: tuple[TemporaryMedia, TemporaryMedia], token: str) -> None:
    for one in both:
        with pytest.raises(ResultNotFound):
            await one.find(token)
