"""Each of these tests begins without any key, and leaves none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from tests.conftest import Change
from tests.standins import StandIn
from tests.support.camera import Camera, Reply, Shot
from tests.support.keys import MODEL, SLOT, no_keys
from tests.support.slots import with_gemini
from tests.support.stack import Stack

Photo = Callable[[], Awaitable[Reply]]


@pytest.fixture(autouse=True)
async def _no_keys(
    stack: Stack, admin: httpx.AsyncClient, standins: dict[str, StandIn]
) -> AsyncIterator[None]:
    async with no_keys(stack, admin):
        yield


@pytest.fixture
async def photo(camera: Camera, shot: Shot, slot: Change) -> Photo:
    """``await photo()``: posts to a slot that asks Gemini and nobody else."""
    await slot(SLOT, **with_gemini(model=MODEL))

    async def post() -> Reply:
        return await camera.post(f"/api/ingest/{SLOT}?reply=image", shot)

    return post
