"""The deadline covers everything from the first byte to the answer (UC3)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from tests.support.camera import Camera, Shot
from tests.support.photos import camera_jpeg_24mp
from tests.support.stack import Stack
from tests.support.waiting import until

Change = Callable[..., Awaitable[None]]
DEADLINE = 0.45  # seconds: too short for a comic of 24 megapixels, long enough to receive one


async def test_a_picture_that_is_not_ready_is_answered_504_within_a_second_of_the_deadline(
    stack: Stack, camera: Camera, password: str, slot: Change, no_trace: Callable[[], Awaitable[bool]]
) -> None:
    await slot("slot-005", deadline_seconds=DEADLINE)
    shot = Shot(camera_jpeg_24mp(), password)
    body = shot.body()
    started = time.monotonic()
    reply = await camera.send("/api/ingest/slot-005?reply=image", body)
    took = time.monotonic() - started
    assert (reply.status, reply.code) == (504, "deadline_exceeded")
    assert took < DEADLINE + 1.0
    await until(no_trace)


async def test_a_job_out_of_time_is_closed_as_timeout_and_its_late_picture_is_ignored(
    stack: Stack, camera: Camera, password: str, slot: Change
) -> None:
    await slot("slot-005", deadline_seconds=DEADLINE)
    reply = await camera.post("/api/ingest/slot-005", Shot(camera_jpeg_24mp(), password))
    job_id = reply.json()["error"]["job_id"]
    assert reply.headers["x-job-id"] == job_id
    row = await stack.row(job_id)
    assert (row["status"], row["failure_reason"]) == ("timeout", "T_sync_response_exceeded")
    assert row["attempts"][0]["outcome"] == "too_slow"
    await camera.post("/api/ingest/slot-001", Shot(camera_jpeg_24mp(), password))  # time for a late answer
    assert (await stack.row(job_id))["status"] == "timeout"
    assert not list((stack.media / "results").glob(f"{job_id}*"))


async def test_a_new_photo_may_follow_a_timeout_at_once(
    stack: Stack, camera: Camera, password: str, shot: Shot, slot: Change
) -> None:
    await slot("slot-005", permits=1)
    async with stack.database() as db:
        await db.execute("update slot set deadline_seconds = $1 where slot_id = 'slot-005'", DEADLINE)
        late = await camera.post("/api/ingest/slot-005", Shot(camera_jpeg_24mp(), password))
        await db.execute("update slot set deadline_seconds = null where slot_id = 'slot-005'")
    assert late.status == 504
    assert (await camera.post("/api/ingest/slot-005", shot)).status == 200


async def test_the_default_deadline_is_the_operators_setting(
    stack: Stack, camera: Camera, shot: Shot
) -> None:
    reply = await camera.post("/api/ingest/slot-001", shot)
    row = await stack.row(reply.headers["x-job-id"])
    assert row["deadline_seconds"] == 48


async def test_a_photo_for_a_busy_slot_waits_for_its_turn(
    camera: Camera, password: str, slot: Change
) -> None:
    await slot("slot-005", permits=1)
    shots = [Shot(camera_jpeg_24mp(), password) for _ in range(2)]
    replies = await asyncio.gather(*(camera.post("/api/ingest/slot-005", shot) for shot in shots))
    assert [reply.status for reply in replies] == [200, 200]


async def test_a_photo_that_would_wait_too_long_is_told_when_to_return(
    stack: Stack, camera: Camera, password: str, shot: Shot, slot: Change
) -> None:
    await slot("slot-003", permits=1)
    big = asyncio.create_task(camera.post("/api/ingest/slot-003", Shot(camera_jpeg_24mp(), password)))
    await until(
        lambda: stack.value("select 1 from job_history where slot_id = 'slot-003' and status = 'pending'")
    )
    async with stack.database() as db:
        await db.execute("update slot set deadline_seconds = 1.1 where slot_id = 'slot-003'")
        refused = await camera.post("/api/ingest/slot-003", shot)
        await db.execute("update slot set deadline_seconds = null where slot_id = 'slot-003'")
    assert (refused.status, refused.code) == (429, "slot_busy")
    assert int(refused.headers["retry-after"]) == refused.json()["error"]["retry_after"] >= 1
    assert (await big).status == 200
