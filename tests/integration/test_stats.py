"""How every slot is doing, fast however long the history is."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy import Select
from sqlalchemy.dialects import postgresql

from appliance.guests.shared_galleries.models import SharedGallery
from appliance.guests.shared_galleries.repository import pictures_of
from appliance.jobs.models import HAS_SHA1, SAYS_SOMETHING
from appliance.providers.attempts import Attempt
from appliance.staff.jobs.search import JobFilter, jobs_query
from appliance.staff.stats.queries import NEWEST, SLOT_FIGURES
from appliance.staff.webhooks.repository import finished_after
from tests.standins import Script, StandIn, Step
from tests.support.app_processes import Told
from tests.support.camera import Camera, Shot
from tests.support.history import fill_history
from tests.support.logins import code
from tests.support.photos import portrait_jpeg
from tests.support.scratch import scratch_database
from tests.support.slots import WORKFLOW, with_gemini, with_workflow
from tests.support.stack import Stack
from tests.support.uploads import upload
from tests.support.waiting import until

Change = Callable[..., Awaitable[None]]
SLOT = "slot-011"


@pytest.fixture(autouse=True)
async def fresh(stack: Stack) -> None:
    """The slot's earlier jobs are long past."""
    async with stack.database() as db:
        await db.execute(
            "update job_history set created_at = created_at - interval '2 h' where slot_id = $1", SLOT
        )


async def stats(client: httpx.AsyncClient, slot_id: str = SLOT) -> dict[str, Any]:
    reply = await client.get("/api/stats/slots")
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = next(one for one in reply.json()["slots"] if one["slot_id"] == slot_id)
    return found


def causes(slot: dict[str, Any]) -> list[str]:
    return [cause["kind"] for cause in slot["why"]]


async def test_the_last_hour_is_counted_with_its_success_rate_and_median(
    viewer: httpx.AsyncClient, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await slot(SLOT, **with_gemini())
    gemini.script = Script(["refused"])
    ids = [(await camera.post(f"/api/ingest/{SLOT}", shot)).headers["x-job-id"] for _ in range(4)]
    found = await stats(viewer)
    assert (found["last_hour"], found["delivered"], found["success_rate"]) == (4, 3, 0.75)
    assert found["median_ms"] > 0
    assert found["last_picture"] == ids[-1]
    assert found["preview_url"] == f"/api/jobs/{ids[-1]}/preview"
    assert (found["state"], found["why"], found["in_flight"]) == ("ready", [], 0)


async def test_photos_on_their_way_are_counted(
    admin: httpx.AsyncClient, slot: Change, gemini: StandIn
) -> None:
    await slot(SLOT, **with_gemini())
    gemini.script = Script([Step("slow", seconds=1)])
    await upload(admin, f"/api/slots/{SLOT}/test-run", portrait_jpeg())
    assert (await stats(admin))["in_flight"] == 1

    async def none_left() -> bool:
        return (await stats(admin))["in_flight"] == 0

    await until(none_left)


async def test_a_slot_whose_newest_photos_all_failed_is_failing_and_says_why(
    stack: Stack, viewer: httpx.AsyncClient, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await slot(SLOT, **with_gemini())
    gemini.script = Script(["refused"] * NEWEST)
    for number in range(NEWEST):
        await camera.post(f"/api/ingest/{SLOT}", shot)
        found = await stats(viewer)
        assert causes(found) == ["last_failure"]
        assert found["state"] == ("failing" if number == NEWEST - 1 else "ready")
    (cause,) = found["why"]
    assert (cause["reason"], cause["provider_reason"]) == ("provider_refused", "IMAGE_SAFETY")
    assert cause["advice"]["ru"]["do"]
    await camera.post(f"/api/ingest/{SLOT}", shot)
    assert (await stats(viewer))["state"] == "ready"
    async with stack.database() as db:  # as if those had failed before the clock was set back
        moved = "update job_history set created_at = created_at + cast($2 as interval) where slot_id = $1"
        await db.execute(f"{moved} and status = 'failed'", SLOT, timedelta(hours=3))
        found = await stats(viewer)
        await db.execute(f"{moved} and status = 'failed'", SLOT, -timedelta(hours=3))
    assert (found["state"], found["last_hour"]) == ("ready", 1)


async def test_a_slot_without_a_usable_key_is_failing_unless_a_fallback_steps_in(
    stack: Stack, viewer: httpx.AsyncClient, slot: Change, gemini: StandIn
) -> None:
    stack.set_keys("gemini")
    await slot(SLOT, **with_gemini())
    found = await stats(viewer)
    assert (found["state"], causes(found)) == ("failing", ["no_key"])
    assert "No API key" in found["why"][0]["advice"]["en"]["what"]
    await slot(SLOT, fallbacks=[{"provider": "local", "operation": "glow", "params": {}}])
    found = await stats(viewer)
    assert (found["state"], causes(found)) == ("fallback", ["no_key"])


LOCAL = {"provider": "local", "operation": "glow", "params": {}}


async def test_a_slot_whose_first_route_will_fail_again_is_not_ready_although_its_fallback_delivers(
    viewer: httpx.AsyncClient, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await slot(SLOT, **with_gemini(fallbacks=[LOCAL]))
    gemini.script = Script(["bad_request", "unavailable"])
    reply = await camera.post(f"/api/ingest/{SLOT}", shot)
    assert reply.status == 200
    found = await stats(viewer)
    assert (found["state"], causes(found)) == ("fallback", ["primary_failed"])
    (cause,) = found["why"]
    assert cause["job_id"] == reply.headers["x-job-id"]
    assert cause["route"].startswith("gemini/")
    assert cause["advice"]["ru"]["do"]


async def test_a_stumble_of_the_first_route_leaves_a_slot_ready(
    viewer: httpx.AsyncClient, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await slot(SLOT, **with_gemini(fallbacks=[LOCAL], params={"prompt": "one that stumbles"}))
    gemini.script = Script(then="refused")
    assert (await camera.post(f"/api/ingest/{SLOT}", shot)).status == 200
    assert (await stats(viewer))["state"] == "ready"


async def test_a_slot_is_ready_again_when_its_first_route_delivers(
    viewer: httpx.AsyncClient, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await slot(SLOT, **with_gemini(fallbacks=[LOCAL]))
    gemini.script = Script(["bad_request"])
    for state in ("fallback", "ready"):
        assert (await camera.post(f"/api/ingest/{SLOT}", shot)).status == 200
        found = await stats(viewer)
        assert found["state"] == state
    assert found["why"] == []


async def test_a_slot_is_ready_again_when_its_first_route_is_set_up_otherwise(
    viewer: httpx.AsyncClient, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await slot(SLOT, **with_gemini(fallbacks=[LOCAL]))
    gemini.script = Script(["bad_request"])
    await camera.post(f"/api/ingest/{SLOT}", shot)
    assert (await stats(viewer))["state"] == "fallback"
    await slot(SLOT, params={"prompt": "something else"})
    assert (await stats(viewer))["state"] == "ready"


async def test_a_refused_key_leaves_a_slot_on_its_fallback_until_another_key_is_there(
    stack: Stack,
    viewer: httpx.AsyncClient,
    camera: Camera,
    shot: Shot,
    slot: Change,
    gemini: StandIn,
    told: Told,
) -> None:
    stack.set_keys("gemini", "refused-key-00-8888")
    gemini.revoked.add("refused-key-00-8888")
    await slot(SLOT, **with_gemini(fallbacks=[LOCAL]))
    assert (await camera.post(f"/api/ingest/{SLOT}", shot)).status == 200

    async def both_are_named() -> Any:
        found = await stats(viewer)
        return found if causes(found) == ["primary_failed", "keys_rest"] else None

    found = await told(both_are_named)
    assert found["state"] == "fallback"
    assert found["why"][0]["advice"]["place"] == "provider_keys"
    stack.set_keys("gemini", "another-key-00-9999")
    assert ((await stats(viewer))["state"], (await stats(viewer))["why"]) == ("ready", [])


async def test_a_key_that_rests_is_named_with_the_time_it_takes(
    stack: Stack,
    viewer: httpx.AsyncClient,
    camera: Camera,
    shot: Shot,
    slot: Change,
    gemini: StandIn,
    told: Told,
) -> None:
    stack.set_keys("gemini", "refused-key-00-7777")
    gemini.revoked.add("refused-key-00-7777")
    await slot(SLOT, **with_gemini())
    await camera.post(f"/api/ingest/{SLOT}", shot)

    async def both_are_named() -> Any:
        found = await stats(viewer)
        return found if causes(found) == ["keys_rest", "last_failure"] else None

    found = await told(both_are_named)
    assert found["state"] == "failing"
    assert found["why"][0]["retry_in"] > 60


async def test_settings_that_no_longer_fit_are_named(viewer: httpx.AsyncClient, slot: Change) -> None:
    local = {"provider": "local", "operation": "glow", "model": None}
    await slot(SLOT, active=True, **local, params={"old": 1}, fallbacks=[])
    found = await stats(viewer)
    assert (found["state"], causes(found)) == ("failing", ["settings"])
    assert set(found["why"][0]["fields"]) == {"params.old"}


async def test_settings_that_only_the_first_route_cannot_use_leave_the_fallback_delivering(
    viewer: httpx.AsyncClient, camera: Camera, shot: Shot, slot: Change
) -> None:
    local = {"provider": "local", "operation": "glow", "params": {}}
    nodes = json.loads(WORKFLOW)
    del nodes["11"]  # the one that loads the photo
    await slot(SLOT, **with_workflow(params={"workflow": json.dumps(nodes)}, prompt={}, fallbacks=[local]))
    found = await stats(viewer)
    assert (found["state"], causes(found)[0]) == ("fallback", "settings")
    assert (await camera.post(f"/api/ingest/{SLOT}?reply=image", shot)).status == 200
    assert (await stats(viewer))["state"] == "fallback"


async def test_a_paused_slot_is_paused(viewer: httpx.AsyncClient, slot: Change) -> None:
    await slot(SLOT, active=False)
    assert (await stats(viewer))["state"] == "paused"


async def test_statistics_are_for_those_who_may_see_jobs(client: httpx.AsyncClient) -> None:
    assert code(await client.get("/api/stats/slots")) == (401, "not_authenticated")


@pytest.fixture(scope="module")
async def long_history(stack: Stack) -> AsyncIterator[asyncpg.Connection]:
    """A database of the same tables with 100,000 jobs."""
    async with scratch_database(stack, "long_history") as url:
        await fill_history(url, jobs=100_000)
        async with stack.database("long_history") as db:
            yield db


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from nodes(inner)


async def explained(db: asyncpg.Connection, sql: str) -> list[dict[str, Any]]:
    answer = await db.fetchval(f"explain (analyze, buffers, format json) {sql}")
    (found,) = json.loads(answer) if isinstance(answer, str) else answer
    return list(nodes(found["Plan"]))


def sql_of(query: Select[Any]) -> str:
    return str(query.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}))


OF_ALL_TIME = SharedGallery(slot_id=None, pictures_from=datetime(2020, 1, 1, tzinfo=UTC), moderated=False)
PAGES = {
    "all jobs": "select * from job_history order by created_at desc, job_id desc limit 51",
    "a slot's jobs": "select * from job_history where slot_id = 'slot-003'"
    " order by created_at desc, job_id desc limit 51",
    "failed jobs": "select * from job_history where status = 'failed'"
    " order by created_at desc, job_id desc limit 51",
    "a slot's pictures": "select * from job_history where slot_id = 'slot-003' and status = 'done'"
    " and deleted_at is null order by created_at desc, job_id desc limit 61",
    "an id's beginning": "select * from job_history where job_id between"
    " '5f0c0000-0000-0000-0000-000000000000' and '5f0cffff-ffff-ffff-ffff-ffffffffffff'"
    " order by created_at desc limit 51",
    "the pictures that guests can see": sql_of(jobs_query(JobFilter(result="available"), limit=61)),
    "a guests' gallery of all time": sql_of(pictures_of(OF_ALL_TIME, datetime.now(UTC), 61)),
    "what cleanup has to forget": "select job_id from job_history where status <> 'pending'"
    f" and ({SAYS_SOMETHING}) and source_key is null limit 5000",
    "what an earlier version kept": f"select job_id from job_history where {HAS_SHA1} limit 5000",
    "what webhooks have not told of": sql_of(
        finished_after(datetime.now(UTC) - timedelta(hours=1), uuid.UUID(int=0))
    ),
    "the dashboard": str(SLOT_FIGURES).replace(":newest", str(NEWEST)),
}


@pytest.mark.parametrize("name", PAGES)
async def test_no_page_reads_the_whole_history(long_history: asyncpg.Connection, name: str) -> None:
    found = await explained(long_history, PAGES[name])
    scans = [node for node in found if node.get("Relation Name") == "job_history"]
    assert scans
    assert {node["Node Type"] for node in scans} <= {
        "Index Scan", "Index Only Scan", "Bitmap Heap Scan",
    }  # fmt: skip
    read = sum(node["Actual Rows"] * node["Actual Loops"] for node in scans)
    dropped = sum(node.get("Rows Removed by Filter", 0) * node["Actual Loops"] for node in scans)
    assert read + dropped < 5_000


async def test_costs_are_summed_by_day_and_slot_and_what_is_unknown_is_counted(
    stack: Stack, viewer: httpx.AsyncClient, camera: Camera, shot: Shot
) -> None:
    ids = [(await camera.post(f"/api/ingest/{SLOT}", shot)).headers["x-job-id"] for _ in range(2)]
    tried = Attempt("gemini", "image_edit", None, None, 1)
    priced = replace(tried, billed=True, price="0.0336", currency="USD").stored()
    asked, refused = replace(tried, billed=True).stored(), replace(tried, billed=False).stored()
    async with stack.database() as db:
        sql = "update job_history set attempts = $2, created_at = $3 where job_id = $1"
        day = datetime.now(UTC) - timedelta(days=40)
        await db.execute(sql, ids[0], [asked, priced], day)
        await db.execute(sql, ids[1], [priced, refused], day)
    reply = await viewer.get("/api/stats/costs", params={"days": 90})
    [only] = [one for one in reply.json()["days"] if one["day"] == day.date().isoformat()]
    expected = {"known": [{"amount": "0.0672", "currency": "USD"}], "unknown": 1}
    assert (only["cost"], only["slots"]) == (expected, [{"slot_id": SLOT, "cost": expected}])


async def test_local_looks_cost_nothing_and_stand_in_no_sum(
    viewer: httpx.AsyncClient, camera: Camera, shot: Shot
) -> None:
    async def of_the_slot() -> list[dict[str, Any]]:
        reply = await viewer.get("/api/stats/costs", params={"days": 1})
        assert reply.status_code == 200, reply.text
        days = reply.json()["days"]
        return [slot for day in days for slot in day["slots"] if slot["slot_id"] == "slot-002"]

    before = await of_the_slot()  # other tests may have it ask a provider
    await camera.post("/api/ingest/slot-002", shot)
    assert await of_the_slot() == before
