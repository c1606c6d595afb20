"""How long routes take is known after a restart, and no picture waits for that."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import pytest

from appliance.core.db import Database
from appliance.providers.timings import RouteTimings
from tests.support.camera import Camera, Shot
from tests.support.line import line_to_database
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


async def test_a_start_without_a_database_costs_nothing_that_was_measured_before(
    stack: Stack, database: Database
) -> None:
    route = f"{ROUTE}-before"
    async with stack.database() as db:
        await db.execute("insert into route_timing (route, seconds) values ($1, $2)", route, [7.0, 8.0])
    async with line_to_database(stack) as (line, url):
        line.cut()
        away = Database(url)
        timings = RouteTimings(away)
        with pytest.raises(ConnectionError):
            await timings.load()  # as at a start: the app goes on without
        line.mend()
        timings.record(route, 1.5)
        await timings.aclose()
        await away.aclose()
    assert await stack.value("select seconds from route_timing where route = $1", route) == [7.0, 8.0, 1.5]
    later = RouteTimings(database)
    await later.load()
    await later.load()
    assert later.percentile(route, 0.95, estimate=3.0) == 3.0 * 1.6, "three samples, not enough to count"
