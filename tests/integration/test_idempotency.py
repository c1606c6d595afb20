"""Three presses of a nervous operator are one job."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from appliance.core.clock import Deadline
from appliance.core.db import Database
from appliance.core.error_handlers import from_database
from appliance.core.errors import DatabaseUnavailable
from appliance.ingest.idempotency import Delivered, IdempotentJobs, UploadIdentity
from appliance.jobs.ledger import JobLedger
from appliance.jobs.models import JobHistory
from appliance.migrations import tables  # noqa: F401 - a job's row refers to its slot's
from tests.standins import Script, StandIn, Step
from tests.support.camera import Camera, Shot
from tests.support.line import line_to_database
from tests.support.photos import portrait_jpeg
from tests.support.slots import with_gemini
from tests.support.stack import Stack
from tests.support.waiting import until

Change = Callable[..., Awaitable[None]]
URL = "/api/ingest/slot-008?reply=json"


async def jobs_of(stack: Stack, marker: str) -> int:
    found: int = await stack.value(
        "select count(*) from job_history where request_fields ->> 'id' = $1", marker
    )
    return found


def marked(shot: Shot, marker: str) -> Shot:
    shot.fields = {"id": marker}
    return shot


@pytest.mark.parametrize("as_field", [True, False], ids=["field", "header"])
async def test_the_same_key_and_photo_get_the_first_outcome(
    stack: Stack, camera: Camera, shot: Shot, as_field: bool
) -> None:
    marker = f"same-key-{as_field}"
    marked(shot, marker)
    if as_field:
        shot.fields["idempotency_key"] = marker
    extra = "" if as_field else f"Idempotency-Key: {marker}\r\n"
    first = await camera.post(URL, shot, extra=extra)
    second = await camera.post(URL, shot, extra=extra)
    assert second.json() == first.json()
    assert second.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert await jobs_of(stack, marker) == 1


async def test_a_repeated_key_can_be_answered_with_the_picture(camera: Camera, shot: Shot) -> None:
    shot.fields["idempotency_key"] = "picture-again"
    first = await camera.post("/api/ingest/slot-008?reply=image", shot)
    second = await camera.post("/api/ingest/slot-008?reply=image", shot)
    assert second.body == first.body


async def test_the_same_key_in_flight_is_waited_for(
    stack: Stack, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await slot("slot-008", **with_gemini())
    gemini.script = Script(then=Step("slow", seconds=0.5))
    marked(shot, "in-flight").fields["idempotency_key"] = "in-flight"
    replies = await asyncio.gather(*(camera.post(URL, shot) for _ in range(3)))
    assert len({reply.json()["job_id"] for reply in replies}) == 1
    assert await jobs_of(stack, "in-flight") == 1
    assert gemini.pictures_asked() == 1


async def test_the_same_key_with_another_photo_is_a_conflict(camera: Camera, shot: Shot) -> None:
    shot.fields["idempotency_key"] = "other-photo"
    assert (await camera.post(URL, shot)).status == 200
    shot.photo = portrait_jpeg(200, 200)
    reply = await camera.post(URL, shot)
    assert (reply.status, reply.code) == (409, "idempotency_key_reused")


async def test_a_key_belongs_to_its_slot(camera: Camera, shot: Shot) -> None:
    shot.fields["idempotency_key"] = "two-slots"
    first = await camera.post("/api/ingest/slot-001?reply=json", shot)
    second = await camera.post("/api/ingest/slot-002?reply=json", shot)
    assert first.json()["job_id"] != second.json()["job_id"]


async def test_a_key_replays_that_a_photo_was_refused(
    stack: Stack, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await slot("slot-008", **with_gemini())
    gemini.script = Script(["refused"])
    marked(shot, "failed-key").fields["idempotency_key"] = "failed-key"
    first, second = [await camera.post(URL, shot) for _ in range(2)]
    assert (first.status, first.code) == (502, "provider_refused")
    assert second.json() == first.json()
    assert await jobs_of(stack, "failed-key") == 1
    assert gemini.pictures_asked() == 1


@pytest.mark.parametrize(
    ("step", "code"),
    [
        (Step("slow", seconds=30), "deadline_exceeded"),
        (Step("unavailable"), "provider_unavailable"),
        (Step("no_image"), "provider_no_image"),
        (Step("bad_request"), "provider_failed"),
    ],
    ids=["504", "503", "no image", "failed"],
)
async def test_a_failure_that_another_try_may_mend_is_not_repeated_to_a_key(
    camera: Camera, shot: Shot, slot: Change, gemini: StandIn, step: Step, code: str
) -> None:
    await slot("slot-008", **with_gemini(deadline_seconds=1.5))  # no measured model is cut off before
    gemini.script = Script(then=step)
    shot.fields["idempotency_key"] = f"mended-{code}"
    assert (await camera.post(URL, shot)).code == code
    await slot("slot-008", **with_gemini())
    gemini.script = Script()
    again = await camera.post(URL, shot)
    assert (again.status, again.headers.get("idempotency-replayed")) == (200, None)
    assert (await camera.post(URL, shot)).json() == again.json()


async def test_an_error_that_only_a_newer_version_knows_is_not_repeated_to_a_key(
    stack: Stack, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await slot("slot-008", **with_gemini())
    gemini.script = Script(["refused"])
    shot.fields["idempotency_key"] = "newer-code"
    first = await camera.post(URL, shot)
    async with stack.database() as db:
        await db.execute(
            """update job_history set error = error || '{"code": "of_a_later_version"}' where job_id = $1""",
            first.headers["x-job-id"],
        )
    assert (await camera.post(URL, shot)).status == 200


async def test_without_key_or_window_every_photo_is_a_job_of_its_own(
    stack: Stack, camera: Camera, shot: Shot
) -> None:
    marked(shot, "no-window")
    for _ in range(2):
        await camera.post(URL, shot)
    assert await jobs_of(stack, "no-window") == 2


async def test_three_presses_within_the_window_cost_one_provider_call(
    stack: Stack, camera: Camera, shot: Shot, setting: Change
) -> None:
    await setting("idempotency_window_seconds", 30)
    marked(shot, "window")
    shot.photo = portrait_jpeg(300, 301)
    together = await asyncio.gather(*(camera.post(URL, shot) for _ in range(3)))
    later = await camera.post(URL, shot)
    assert len({reply.json()["job_id"] for reply in [*together, later]}) == 1
    assert await jobs_of(stack, "window") == 1


async def test_a_photo_older_than_the_window_is_a_new_job(
    stack: Stack, camera: Camera, shot: Shot, setting: Change
) -> None:
    await setting("idempotency_window_seconds", 30)
    marked(shot, "old-window")
    shot.photo = portrait_jpeg(300, 302)
    first = await camera.post(URL, shot)
    async with stack.database() as db:
        await db.execute(
            "update job_history set created_at = created_at - interval '31 s' where job_id = $1",
            first.json()["job_id"],
        )
    assert (await camera.post(URL, shot)).json()["job_id"] != first.json()["job_id"]


async def test_a_failed_photo_may_be_tried_again_within_the_window(
    camera: Camera, shot: Shot, slot: Change, setting: Change, gemini: StandIn
) -> None:
    await setting("idempotency_window_seconds", 30)
    await slot("slot-008", **with_gemini())
    gemini.script = Script(["refused"])
    shot.photo = portrait_jpeg(300, 303)
    assert (await camera.post(URL, shot)).status == 502
    assert (await camera.post(URL, shot)).status == 200


async def test_a_photo_that_another_process_has_made_meanwhile_is_not_made_again(
    stack: Stack, camera: Camera, shot: Shot, database: Database
) -> None:
    """This process looked, found nothing, and had to wait for a permit."""
    marker, ledger = "made-meanwhile", JobLedger(database)
    marked(shot, marker).fields["idempotency_key"] = marker
    same = UploadIdentity("slot-008", hashlib.sha256(shot.photo).hexdigest(), marker, 0)
    mine = JobHistory(
        job_id=uuid.uuid4(),
        slot_id=same.slot_id,
        provider="local",
        operation="glow",
        upload_type="image/jpeg",
        upload_size=1,
        upload_sha256=same.sha256,
        idempotency_key=marker,
        deadline_seconds=48,
    )
    made: list[str] = []

    async def job() -> Delivered:
        made.append((await camera.post(URL, shot)).json()["job_id"])
        async with ledger.recording(mine, Deadline.after(30), partial(IdempotentJobs.is_first, same)):
            pytest.fail("it is begun a second time")

    delivered = await IdempotentJobs(database).run(same, Deadline.after(30), job)
    assert ([str(delivered.job_id)], delivered.replayed) == (made, True)
    assert await jobs_of(stack, marker) == 1


async def test_a_picture_whose_row_is_written_only_after_its_answer_is_not_made_again(
    stack: Stack, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    """The database took too long, the booth was told to come again, and does so before the row is written."""
    await slot("slot-008", **with_gemini(deadline_seconds=2))
    gemini.script = Script(then=Step("slow", seconds=0.5))
    marked(shot, "late-row").fields["idempotency_key"] = "late-row"
    async with stack.database() as db:
        first = asyncio.create_task(camera.post(URL, shot))
        await until(gemini.pictures_asked)
        async with db.transaction():
            await db.execute("lock table job_history in exclusive mode")  # it is read, and not written
            refused = await first
            await slot("slot-008", **with_gemini())
            again = asyncio.create_task(camera.post(URL, shot))
            await until(lambda: held_up(stack, 2))
    made = await again
    assert (refused.status, refused.code) == (503, "database_unavailable")
    assert (made.status, made.headers.get("x-job-id")) == (200, refused.headers["x-job-id"])
    assert gemini.pictures_asked() == 1
    assert await jobs_of(stack, "late-row") == 1


async def held_up(stack: Stack, count: int) -> bool:
    """Whether so many statements wait for a lock."""
    waiting = "select count(*) >= $1 from pg_stat_activity where wait_event_type = 'Lock'"
    found: bool = await stack.value(waiting, count)
    return found


async def test_who_waits_for_a_job_that_the_database_failed_is_not_told_of_the_deadline(
    stack: Stack,
) -> None:
    async with line_to_database(stack) as (line, url):
        line.silence()
        database = Database(url)
        jobs = IdempotentJobs(database)
        same = UploadIdentity("slot-008", "0" * 64, "unanswered", 0)

        async def press() -> Delivered:
            return await jobs.run(same, Deadline.after(30), never)

        ends = await asyncio.gather(press(), press(), return_exceptions=True)
        assert [type(from_database(end)) for end in ends if isinstance(end, Exception)] == [
            DatabaseUnavailable,
            DatabaseUnavailable,
        ]
        await database.aclose()


async def never() -> Delivered:
    raise AssertionError("the job must not begin")
