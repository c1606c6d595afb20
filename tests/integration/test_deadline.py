"""The deadline covers everything from the first byte to the answer (UC3)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from tests.standins import Script, StandIn, Step
from tests.support.camera import Camera, Shot
from tests.support.slots import with_gemini
from tests.support.stack import Stack
from tests.support.waiting import until

Change = Callable[..., Awaitable[None]]
SLOT = "slot-010"
URL = f"/api/ingest/{SLOT}?reply=image"
DEADLINE = 1.5  # seconds


@pytest.fixture
async def slow_slot(slot: Change, gemini: StandIn) -> StandIn:
    """A slot whose provider needs ten seconds where a second and a half are given."""
    gemini.script = Script(then=Step("slow", seconds=10))
    await slot(SLOT, **with_gemini(deadline_seconds=DEADLINE, permits=1))
    return gemini


async def test_a_picture_that_is_not_ready_is_answered_504_within_a_second_of_the_deadline(
    camera: Camera, shot: Shot, slow_slot: StandIn, no_trace: Callable[[], Awaitable[bool]]
) -> None:
    started = time.monotonic()
    reply = await camera.post(URL, shot)
    took = time.monotonic() - started
    assert (reply.status, reply.code) == (504, "deadline_exceeded")
    assert DEADLINE - 0.5 < took < DEADLINE + 1.0
    await until(no_trace)


async def test_a_job_out_of_time_is_closed_as_timeout_and_its_late_picture_is_ignored(
    stack: Stack, camera: Camera, shot: Shot, slow_slot: StandIn
) -> None:
    slow_slot.script = Script([Step("slow", seconds=2)])
    reply = await camera.post(URL, shot)
    job_id = reply.json()["error"]["job_id"]
    assert reply.headers["x-job-id"] == job_id
    row = await stack.row(job_id)
    assert (row["status"], row["failure_reason"]) == ("timeout", "T_sync_response_exceeded")
    assert [attempt["outcome"] for attempt in row["attempts"]] == ["too_slow"]
    later = time.monotonic() + 1.5
    await until(lambda: time.monotonic() > later)  # the late picture has come by now
    assert (await stack.row(job_id))["status"] == "timeout"
    assert not list((stack.media / "results").glob(f"{job_id}*"))


async def test_a_new_photo_may_follow_a_timeout_at_once(
    camera: Camera, shot: Shot, slow_slot: StandIn
) -> None:
    slow_slot.script = Script([Step("slow", seconds=10)])
    assert (await camera.post(URL, shot)).status == 504
    assert (await camera.post(URL, shot)).status == 200


async def test_the_default_deadline_is_the_operators_setting(
    stack: Stack, camera: Camera, shot: Shot
) -> None:
    reply = await camera.post("/api/ingest/slot-001", shot)
    row = await stack.row(reply.headers["x-job-id"])
    assert row["deadline_seconds"] == 48


async def test_a_photo_for_a_busy_slot_waits_for_its_turn(
    camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    gemini.script = Script(then=Step("slow", seconds=0.4))
    await slot(SLOT, **with_gemini(permits=1))
    started = time.monotonic()
    replies = await asyncio.gather(*(camera.post(URL, shot) for _ in range(2)))
    assert [reply.status for reply in replies] == [200, 200]
    assert time.monotonic() - started > 0.8


async def test_the_history_keeps_when_an_answer_was_due_whatever_the_wait_for_a_permit(
    stack: Stack, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    gemini.script = Script(then=Step("slow", seconds=1))
    await slot(SLOT, **with_gemini(permits=1))
    replies = await asyncio.gather(*(camera.post(URL, shot) for _ in range(2)))
    rows = [await stack.row(reply.headers["x-job-id"]) for reply in replies]
    first, second = sorted(rows, key=lambda row: row["created_at"])
    assert (second["created_at"] - first["created_at"]).total_seconds() > 0.9
    assert abs((second["deadline_at"] - first["deadline_at"]).total_seconds()) < 0.5


async def test_a_photo_that_would_wait_too_long_is_told_when_to_return(
    stack: Stack, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    gemini.script = Script(then=Step("slow", seconds=1.2))  # well below what may count as stalled
    await slot(SLOT, **with_gemini(permits=1))
    working = asyncio.create_task(camera.post(URL, shot))
    await until(lambda: gemini.calls)
    await slot(SLOT, deadline_seconds=0.6)
    refused = await camera.post(URL, shot)
    assert (refused.status, refused.code) == (429, "slot_busy")
    assert int(refused.headers["retry-after"]) == refused.json()["error"]["retry_after"] >= 1
    assert (await working).status == 200
    assert len(gemini.calls) == 1


async def test_a_provider_takes_no_more_photos_at_once_than_it_is_permitted(
    camera: Camera, shot: Shot, slot: Change, setting: Change, gemini: StandIn
) -> None:
    gemini.script = Script(then=Step("slow", seconds=0.4))
    await setting("provider_permits_by_name", {"gemini": 1})
    for name in ("slot-010", "slot-011"):
        await slot(name, **with_gemini())
    started = time.monotonic()
    replies = await asyncio.gather(*(camera.post(f"/api/ingest/slot-01{n}", shot) for n in range(2)))
    assert [reply.status for reply in replies] == [200, 200]
    assert time.monotonic() - started > 0.8
