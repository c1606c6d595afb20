"""A database that takes connections and answers nothing: photos under way do not wait for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from appliance.admin.dashboard.cards import Dashboard
from appliance.core.db import Database
from appliance.staff.issues.service import Issues
from tests.standins import Script, StandIn
from tests.support.camera import Camera, Shot
from tests.support.line import line_to_database
from tests.support.postgres import held_still
from tests.support.slots import with_gemini
from tests.support.stack import Stack
from tests.support.waiting import until

Change = Callable[..., Awaitable[None]]
SLOT = "slot-012"


async def test_a_photo_is_made_while_the_database_hangs_and_its_row_is_written_when_it_is_back(
    stack: Stack, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await slot(SLOT, **with_gemini(deadline_seconds=25))
    gemini.script = Script(["unavailable"])
    gemini.seconds = 1.5  # so that the second attempt begins when what was read of the keys is old
    posted = asyncio.create_task(camera.post(f"/api/ingest/{SLOT}?reply=json", shot))
    await until(lambda: gemini.pictures_asked() == 1)
    with held_still(stack):
        await until(lambda: gemini.pictures_asked() == 2, seconds=5)
    reply = await posted
    assert reply.status == 200, reply.body
    row = await stack.row(reply.headers["x-job-id"])
    assert [one["outcome"] for one in row["attempts"]] == ["failed", "delivered"]
    assert row["status"] == "done"


async def test_open_dashboards_are_told_all_at_the_same_moment_that_the_database_hangs(stack: Stack) -> None:
    never_asked: Any = None  # the slots' figures, after the issues
    async with line_to_database(stack) as (line, url):
        line.silence()
        database = Database(url)
        dashboard = Dashboard(never_asked, Issues(database))
        since = time.monotonic()
        told = await asyncio.gather(*(dashboard.cards() for _ in range(5)), return_exceptions=True)
        assert [type(one) for one in told] == [TimeoutError] * 5
        assert time.monotonic() - since < 6, "a connection is given 3 seconds"
        await database.aclose()
