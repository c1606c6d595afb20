"""Each of these tests begins without any key, and leaves none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from tests.conftest import Change
from tests.support.camera import Camera, Reply, Shot
from tests.support.keys import MODEL, SLOT
from tests.support.slots import with_gemini

Photo = Callable[[], Awaitable[Reply]]


@pytest.fixture(autouse=True)
def _no_keys(no_provider_keys: None) -> None:
    del no_provider_keys


@pytest.fixture
async def photo(camera: Camera, shot: Shot, slot: Change) -> Photo:
    """``await photo()``: posts to a slot that asks Gemini and nobody else."""
    await slot(SLOT, **with_gemini(model=MODEL))

    async def post() -> Reply:
        return await camera.post(f"/api/ingest/{SLOT}?reply=image", shot)

    return post
