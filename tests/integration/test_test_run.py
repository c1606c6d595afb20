"""Trying a slot and running a job again: the same line as a booth's photo, started by an operator."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
import zxingcpp
from PIL import Image

from tests.standins import Script, StandIn, Step
from tests.support.camera import Camera, Shot
from tests.support.cleaning import clean
from tests.support.logins import code
from tests.support.photos import portrait_jpeg
from tests.support.slots import with_gemini
from tests.support.stack import Stack
from tests.support.uploads import upload
from tests.support.waiting import until

Change = Callable[..., Awaitable[None]]
SLOT = "slot-012"
RUN = f"/api/slots/{SLOT}/test-run"


async def finished(client: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    """The job once it has ended."""

    async def ended() -> dict[str, Any] | None:
        body: dict[str, Any] = (await client.get(f"/api/jobs/{job_id}")).json()
        return body if body["status"] != "pending" else None

    found: dict[str, Any] = await until(ended, seconds=10)
    return found


async def test_a_test_run_is_answered_at_once_and_followed_by_its_job(
    admin: httpx.AsyncClient, slot: Change, gemini: StandIn, no_trace: Callable[[], Awaitable[bool]]
) -> None:
    await slot(SLOT, **with_gemini())
    gemini.script = Script([Step("slow", seconds=1)])
    started = await upload(admin, RUN, portrait_jpeg())
    assert started.status_code == 202, started.text
    body = started.json()
    assert (body["slot_id"], body["source"], body["status"]) == (SLOT, "test", "pending")
    running = (await admin.get(body["status_url"])).json()
    assert running["status"] == "pending"
    assert 0 <= running["elapsed_ms"] < running["deadline_seconds"] * 1000
    ended = await finished(admin, body["job_id"])
    assert (ended["status"], ended["source"]) == ("done", "test")
    assert ended["elapsed_ms"] >= 1000
    assert ended["attempts"][0]["outcome"] == "delivered"
    await until(no_trace)


async def test_waiting_answers_with_the_ended_job(admin: httpx.AsyncClient, slot: Change) -> None:
    await slot(SLOT, active=True)
    reply = await upload(admin, f"{RUN}?wait=1", portrait_jpeg())
    assert (reply.status_code, reply.json()["status"]) == (200, "done")
    assert (await admin.get(reply.json()["result"]["preview_url"])).status_code == 200


async def test_a_test_run_that_fails_says_why(
    admin: httpx.AsyncClient, slot: Change, gemini: StandIn
) -> None:
    await slot(SLOT, **with_gemini())
    gemini.script = Script(then="refused")
    body = (await upload(admin, f"{RUN}?wait=1", portrait_jpeg())).json()
    assert (body["status"], body["failure_reason"]) == ("failed", "provider_refused")
    assert "rules" in body["advice"]["en"]["what"]


async def test_a_paused_slot_can_be_tried(admin: httpx.AsyncClient, slot: Change) -> None:
    await slot(SLOT, active=False)
    assert (await upload(admin, f"{RUN}?wait=1", portrait_jpeg())).json()["status"] == "done"


async def test_unsaved_settings_are_tried_and_not_saved(
    stack: Stack, admin: httpx.AsyncClient, slot: Change
) -> None:
    await slot(SLOT, active=True, provider="local", operation="glow", params={})
    before = (await admin.get(f"/api/slots/{SLOT}")).json()
    config = json.dumps(before | {"operation": "comic", "params": {"levels": 5}})
    body = (await upload(admin, f"{RUN}?wait=1", portrait_jpeg(), config=config)).json()
    assert (body["status"], body["operation"]) == ("done", "comic")
    assert (await admin.get(f"/api/slots/{SLOT}")).json() == before


async def test_trying_unsaved_settings_does_not_hide_that_the_first_route_will_fail_again(
    admin: httpx.AsyncClient, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    async def state() -> str:
        slots = (await admin.get("/api/stats/slots")).json()["slots"]
        return next(str(one["state"]) for one in slots if one["slot_id"] == SLOT)

    local = {"provider": "local", "operation": "glow", "params": {}}
    await slot(SLOT, **with_gemini(fallbacks=[local], params={"prompt": "one of this test's own"}))
    gemini.script = Script(["bad_request"])
    await camera.post(f"/api/ingest/{SLOT}", shot)
    unsaved = json.dumps({"params": {"prompt": "a watercolour"}})
    tried = (await upload(admin, f"{RUN}?wait=1", portrait_jpeg(), config=unsaved)).json()
    assert (tried["status"], tried["provider"]) == ("done", "gemini")
    assert await state() == "fallback"
    await upload(admin, f"{RUN}?wait=1", portrait_jpeg())
    assert await state() == "ready", "the saved settings make pictures again"


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ('{"params": {"nonsense": 1}}', "params.nonsense"),
        ("[1]", "config"),
        ("no json", "config"),
        ("[" * 5000, "config"),
    ],
)
async def test_unsaved_settings_that_do_not_fit_are_named_by_field(
    stack: Stack, admin: httpx.AsyncClient, config: str, field: str
) -> None:
    refused = await upload(admin, RUN, portrait_jpeg(), config=config)
    assert code(refused) == (422, "validation_failed")
    assert field in refused.json()["error"]["fields"]
    assert stack.temp_files() == []


async def test_further_fields_stand_for_what_a_camera_would_send(
    admin: httpx.AsyncClient, slot: Change, gemini: StandIn
) -> None:
    await slot(
        SLOT,
        **with_gemini(
            params={"prompt": "{survey1} as {role|a hero}"}, prompt={"fields": ["survey1", "role"]}
        ),
    )
    await upload(admin, f"{RUN}?wait=1&role=a%20queen", portrait_jpeg(), survey1="Anna")
    assert gemini.calls[-1].json["contents"][0]["parts"][-1]["text"] == "Anna as a queen"


async def test_a_bad_photo_is_refused_as_ingest_does(
    stack: Stack, admin: httpx.AsyncClient, client: httpx.AsyncClient, viewer: httpx.AsyncClient
) -> None:
    assert code(await upload(admin, RUN, b"no picture, only text here")) == (415, "not_an_image")
    assert code(await upload(admin, RUN, None, other="x")) == (400, "missing_field")
    assert code(await admin.post(RUN)) == (400, "missing_field")
    assert code(await upload(admin, "/api/slots/slot-099/test-run", portrait_jpeg()))[1] == "slot_not_found"
    assert code(await upload(viewer, RUN, portrait_jpeg())) == (403, "permission_denied")
    assert code(await upload(client, RUN, portrait_jpeg())) == (401, "not_authenticated")
    assert stack.temp_files() == []


async def test_a_test_run_takes_a_permit_like_any_photo(
    admin: httpx.AsyncClient, slot: Change, standins: dict[str, StandIn]
) -> None:
    openai = {
        "provider": "openai",
        "operation": "image_edit",
        "model": None,
        "params": {"prompt": "a painting"},
    }
    await slot(SLOT, active=True, permits=1, deadline_seconds=4, **openai)
    standins["openai"].script = Script(then=Step("slow", seconds=30))
    first = await upload(admin, RUN, portrait_jpeg())
    assert first.status_code == 202
    assert code(await upload(admin, RUN, portrait_jpeg())) == (429, "slot_busy")
    assert (await finished(admin, first.json()["job_id"]))["status"] == "timeout"


async def test_test_pictures_are_in_no_gallery_of_guests_and_in_no_statistics(
    admin: httpx.AsyncClient, slot: Change
) -> None:
    await slot(SLOT, active=True)
    before = {one["slot_id"]: one for one in (await admin.get("/api/stats/slots")).json()["slots"]}[SLOT]
    body = (await upload(admin, f"{RUN}?wait=1", portrait_jpeg())).json()
    after = {one["slot_id"]: one for one in (await admin.get("/api/stats/slots")).json()["slots"]}[SLOT]
    assert (after["last_hour"], after["last_picture"]) == (before["last_hour"], before["last_picture"])
    recent = (await admin.get(f"/api/slots/{SLOT}?results=100")).json()["recent_results"]
    assert body["job_id"] not in [one["job_id"] for one in recent]
    tests = (await admin.get("/api/gallery?source=test")).json()["results"]
    assert tests[0]["job_id"] == body["job_id"]


async def test_photos_are_not_kept_unless_the_operator_says_so(
    stack: Stack, admin: httpx.AsyncClient, camera: Camera, shot: Shot
) -> None:
    reply = await camera.post("/api/ingest/slot-001", shot)
    job = (await admin.get(f"/api/jobs/{reply.headers['x-job-id']}")).json()
    assert job["source_kept"] is False
    assert list((stack.media / "sources").glob(f"{job['job_id']}*")) == []
    assert code(await admin.post(f"/api/jobs/{job['job_id']}/run-again")) == (404, "source_not_kept")
    assert code(await admin.get(f"/api/jobs/{job['job_id']}/source")) == (404, "source_not_kept")
    await clean(stack)  # what was kept for other tests, whatever slot it was sent to
    assert code(await admin.post(f"{RUN}?last=1")) == (404, "source_not_kept")


async def test_a_failed_job_is_run_again_with_its_own_photo_and_fields(
    stack: Stack,
    admin: httpx.AsyncClient,
    camera: Camera,
    shot: Shot,
    slot: Change,
    setting: Change,
    gemini: StandIn,
) -> None:
    await setting("keep_sources_hours", 2)
    await slot(SLOT, **with_gemini(params={"prompt": "{survey1}"}, prompt={"fields": ["survey1"]}))
    shot.fields["survey1"] = "a pirate"
    gemini.script = Script(["refused"])
    failed = await camera.post(f"/api/ingest/{SLOT}", shot)
    assert failed.status == 502
    job_id = failed.headers["x-job-id"]
    shown = (await admin.get(f"/api/jobs/{job_id}")).json()
    assert shown["source_kept"] is True
    assert (await admin.get(shown["upload"]["source_url"])).content == shot.photo
    again = (await admin.post(f"/api/jobs/{job_id}/run-again?wait=1")).json()
    assert (again["status"], again["source"], again["slot_id"]) == ("done", "ingest", SLOT)
    assert again["request_fields"]["survey1"] == "a pirate"
    assert again["booth"] == shown["booth"] == "127.0.0.1", "its picture belongs to the same visit"
    assert gemini.calls[-1].json["contents"][0]["parts"][-1]["text"] == "a pirate"
    assert (await stack.row(again["job_id"]))["upload_sha256"] == (await stack.row(job_id))["upload_sha256"]
    last = await admin.post(f"{RUN}?last=1&wait=1")
    assert (last.json()["status"], last.json()["source"]) == ("done", "test")


async def test_a_delivered_job_is_run_again_although_the_same_photo_counts_as_one_job(
    admin: httpx.AsyncClient, camera: Camera, shot: Shot, slot: Change, setting: Change
) -> None:
    await setting("keep_sources_hours", 2)
    await setting("idempotency_window_seconds", 3600)
    await slot(SLOT, active=True)
    shot.photo = portrait_jpeg(300, 304)
    first = (await camera.post(f"/api/ingest/{SLOT}?reply=json", shot)).json()["job_id"]
    started = await admin.post(f"/api/jobs/{first}/run-again")
    assert started.status_code == 202
    again = started.json()["job_id"]
    assert again != first
    assert (await finished(admin, again))["status"] == "done"


async def test_kept_photos_go_when_their_time_is_over(
    stack: Stack, camera: Camera, shot: Shot, setting: Change
) -> None:
    await clean(stack)
    await setting("keep_sources_hours", 2)
    job_id = (await camera.post("/api/ingest/slot-001", shot)).headers["x-job-id"]
    kept = stack.media / f"sources/{job_id}.jpg"
    assert kept.exists()
    assert (await clean(stack))["kept_photos"] == 0
    async with stack.database() as db:
        await db.execute(
            "update job_history set created_at = now() - interval '3 h' where job_id = $1", job_id
        )
    assert (await clean(stack))["kept_photos"] == 1
    assert not kept.exists()
    assert (await stack.row(job_id))["source_key"] is None
    assert (stack.media / f"results/{job_id}.jpg").exists()


async def test_several_test_runs_at_once_do_not_disturb_each_other(
    admin: httpx.AsyncClient, slot: Change
) -> None:
    await slot(SLOT, active=True, permits=4)
    replies = await asyncio.gather(*(upload(admin, f"{RUN}?wait=1", portrait_jpeg()) for _ in range(4)))
    assert [reply.json()["status"] for reply in replies] == ["done"] * 4


async def test_a_test_shot_carries_the_qr_code_that_a_guests_picture_would(
    admin: httpx.AsyncClient, slot: Change
) -> None:
    await slot(SLOT, active=True, output={"qr": "bottom-right", "qr_percent": 30})
    body = (await upload(admin, f"{RUN}?wait=1", portrait_jpeg(1200, 1600))).json()
    picture = await admin.get(f"/api/jobs/{body['job_id']}/result")
    read = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture.content)))
    assert [code.text.rpartition("/r/")[2] for code in read] == [body["job_id"]]


WAITING = """select pid from pg_stat_activity
    where wait_event_type = 'Lock' and query ilike 'insert into job_history%'"""


async def test_a_database_that_goes_while_a_test_run_begins_is_told_as_such(
    stack: Stack, admin: httpx.AsyncClient, slot: Change
) -> None:
    await slot(SLOT, active=True)
    async with stack.database() as other, stack.database() as db, db.transaction():
        await db.execute("lock table job_history in share mode")
        started = asyncio.create_task(upload(admin, RUN, portrait_jpeg()))
        await other.execute("select pg_terminate_backend($1)", await until(lambda: other.fetchval(WAITING)))
        reply = await started
    assert code(reply) == (503, "database_unavailable")
