"""Every job with its outcome, why, and what to do."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from appliance.jobs.models import TIMEOUT_REASON
from tests.standins import Script, StandIn, Step
from tests.support.camera import Camera, Reply, Shot
from tests.support.logins import code
from tests.support.slots import with_gemini
from tests.support.stack import Stack

Change = Callable[..., Awaitable[None]]
SLOT = "slot-012"


def id_of(reply: Reply) -> str:
    return reply.headers["x-job-id"]


async def job(client: httpx.AsyncClient, reply: Reply) -> dict[str, Any]:
    found = await client.get(f"/api/jobs/{id_of(reply)}")
    assert found.status_code == 200, found.text
    body: dict[str, Any] = found.json()
    return body


async def listed(client: httpx.AsyncClient, **query: Any) -> list[str]:
    return [one["job_id"] for one in (await client.get("/api/jobs", params=query)).json()["jobs"]]


async def test_a_delivered_job_tells_its_whole_story(
    stack: Stack, viewer: httpx.AsyncClient, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    stack.set_keys("gemini", "story-key-000-5555")
    await slot(SLOT, **with_gemini())
    gemini.script = Script(["unavailable"])
    shown = await job(viewer, await camera.post(f"/api/ingest/{SLOT}", shot))
    assert (shown["status"], shown["source"], shown["slot_id"]) == ("done", "ingest", SLOT)
    assert (shown["advice"], shown["failure_reason"]) == (None, None)
    first, second = shown["attempts"]
    assert (first["outcome"], first["http_status"], first["key"]) == ("failed", 503, "…5555")
    assert (second["outcome"], second["provider"]) == ("delivered", "gemini")
    assert (first["billed"], second["billed"]) == (False, True)
    assert shown["cost"]["known"] == [{"amount": second["price"], "currency": "USD"}]
    assert second["started_ms"] >= first["ms"]
    assert {"receive", "provider", "total"} <= set(shown["timings"])
    assert shown["elapsed_ms"] == shown["timings"]["total"]
    assert shown["result"]["state"] == "available"
    assert shown["result"]["public_url"] == f"/public/results/{shown['job_id']}"
    assert (shown["upload"]["type"], shown["upload"]["source_url"]) == ("image/jpeg", None)
    assert shown["request_fields"]["version"] == "3.30.2"
    assert "password" not in shown["request_fields"]
    assert "story-key" not in str(shown)


@pytest.mark.parametrize(
    ("step", "reason", "provider_reason", "words"),
    [
        ("refused", "provider_refused", "IMAGE_SAFETY", "rules refused"),
        ("key_revoked", "provider_failed", "API_KEY_INVALID", "API key"),
        ("bad_request", "provider_failed", "INVALID_ARGUMENT", "could not make"),
    ],
)
async def test_a_failed_job_says_why_in_plain_words_and_what_to_do(
    viewer: httpx.AsyncClient,
    camera: Camera,
    shot: Shot,
    slot: Change,
    gemini: StandIn,
    step: str,
    reason: str,
    provider_reason: str,
    words: str,
) -> None:
    await slot(SLOT, **with_gemini())
    gemini.script = Script(then=step)
    shown = await job(viewer, await camera.post(f"/api/ingest/{SLOT}", shot))
    assert (shown["status"], shown["failure_reason"]) == ("failed", reason)
    assert shown["provider_reason"] == provider_reason
    assert words in shown["advice"]["en"]["what"]
    assert shown["advice"]["ru"]["do"]
    assert shown["result"] is None
    assert shown["error"]["code"] == reason


async def test_a_job_that_was_late_says_so(
    viewer: httpx.AsyncClient, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    await slot(SLOT, **with_gemini(deadline_seconds=1.5))
    gemini.script = Script(then=Step("slow", seconds=30))
    shown = await job(viewer, await camera.post(f"/api/ingest/{SLOT}", shot))
    assert (shown["status"], shown["failure_reason"]) == ("timeout", TIMEOUT_REASON)
    assert "not ready in time" in shown["advice"]["en"]["what"]
    assert shown["attempts"][0]["outcome"] == "too_slow"


async def test_what_the_guest_typed_is_only_for_those_who_may_see_results(
    watcher: httpx.AsyncClient, camera: Camera, shot: Shot
) -> None:
    shot.fields["survey1"] = "Ekaterina"
    reply = await camera.post("/api/ingest/slot-001?name=Maria", shot)
    shown = await job(watcher, reply)
    assert (shown["request_fields"], shown["query_fields"]) == (None, None)
    assert "Ekaterina" not in str(shown)
    assert shown["upload"]["name"] is None


async def test_jobs_are_found_by_slot_status_source_time_and_the_beginning_of_their_id(
    stack: Stack, viewer: httpx.AsyncClient, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    done = id_of(await camera.post("/api/ingest/slot-001", shot))
    await slot(SLOT, **with_gemini())
    gemini.script = Script(then="refused")
    failed = id_of(await camera.post(f"/api/ingest/{SLOT}", shot))
    assert (await listed(viewer))[:2] == [failed, done]
    assert (await listed(viewer, slot="slot-001"))[0] == done
    assert (await listed(viewer, status="failed"))[0] == failed
    assert done not in await listed(viewer, source="test")
    assert await listed(viewer, q=done[:13]) == [done]
    assert await listed(viewer, q=done.upper()) == [done]
    moment = (await stack.row(failed))["created_at"].isoformat()
    assert done not in await listed(viewer, since=moment)
    assert (await listed(viewer, until=moment))[0] == done


async def test_pages_go_on_where_they_stopped_even_when_jobs_are_added(
    viewer: httpx.AsyncClient, camera: Camera, shot: Shot
) -> None:
    made = [id_of(await camera.post("/api/ingest/slot-003", shot)) for _ in range(5)]
    first = (await viewer.get("/api/jobs?slot=slot-003&limit=2")).json()
    await camera.post("/api/ingest/slot-003", shot)
    second = (await viewer.get(f"/api/jobs?slot=slot-003&limit=3&cursor={first['next_cursor']}")).json()
    assert [one["job_id"] for one in (*first["jobs"], *second["jobs"])] == made[::-1]


@pytest.mark.parametrize(
    "query",
    ["cursor=abc", "cursor=MjAyNg", "q=xyz", "limit=0", "limit=201", "status=lost", "since=yesterday",
     "since=2026-01-01T00:00:00", "source=thief", "slot=%00"],
)  # fmt: skip
async def test_a_filter_that_cannot_be_read_is_refused(viewer: httpx.AsyncClient, query: str) -> None:
    assert code(await viewer.get(f"/api/jobs?{query}")) == (422, "validation_failed")


@pytest.mark.parametrize("job_id", ["83f98072-541d-46cd-a982-9ba2fb97b48e", "1", "x", "5f0c2a52"])
async def test_an_unknown_job_is_not_found(viewer: httpx.AsyncClient, job_id: str) -> None:
    assert (await viewer.get(f"/api/jobs/{job_id}")).status_code == 404


async def test_jobs_are_for_those_who_may_see_them(client: httpx.AsyncClient) -> None:
    assert code(await client.get("/api/jobs")) == (401, "not_authenticated")
    assert code(await client.get(f"/api/jobs/{uuid.uuid4()}")) == (401, "not_authenticated")
