"""How long routes take is known after a restart, and no picture waits for that."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import pytest

from appliance.core.db import Database
from appliance.providers.timings import RouteTimings
from tests.support.camera import Camera, Shot
from tests.support.slots import with_gemini
from tests.support.stack import Stack

Change = Callable[..., Awaitable[None]]
SLOT = "slot-012"
ROUTE = "gemini/of-a-test"


@pytest.mark.usefixtures("gemini")
async def test_a_picture_does_not_wait_for_the_statistics_of_a_busy_database(
    stack: Stack, camera: Camera, shot: Shot, slot: Change
) -> None:
    await slot(SLOT, **with_gemini(deadline_seconds=5))
    async with stack.database() as db, db.transaction():
        await db.execute("lock table route_timing")
        started = time.monotonic()
        assert (await camera.post(f"/api/ingest/{SLOT}", shot)).status == 200
        assert time.monotonic() - started < 3


async def test_what_was_measured_is_written_before_the_appliance_stops(
    stack: Stack, database: Database
) -> None:
    timings = RouteTimings(database)
    for seconds in (1.5, 2.5):
        timings.record(ROUTE, seconds)
    await timings.aclose()
    assert await stack.value("select seconds from route_timing where route = $1", ROUTE) == [1.5, 2.5]
