"""``/metrics``: true counts in Prometheus's form, for those who hold the token."""

from __future__ import annotations

import asyncio
import re
import shutil
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Mapping
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.jobs import tally
from appliance.jobs.tally import all_sums, count_next
from tests.conftest import Change
from tests.standins import Script, StandIn, Step
from tests.support.camera import Camera, Shot
from tests.support.metrics import Samples, scraped
from tests.support.slots import with_gemini
from tests.support.stack import Stack

SLOT = "slot-008"
URL = f"/api/ingest/{SLOT}"
LOCAL = {"provider": "local", "operation": "glow", "params": {}}


def more(after: Samples, before: Samples, name: str, labels: Mapping[str, str]) -> float:
    """By how much a sample grew."""
    key = (name, tuple(sorted(labels.items())))
    return after.get(key, 0) - before.get(key, 0)


async def test_who_has_no_token_finds_nothing_there(
    client: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    """Not even that there is something: guests share the network."""
    nothing = await client.get("/nowhere")
    for answer in (await client.get("/metrics"), await admin.get("/metrics")):
        assert (answer.status_code, answer.json()) == (404, nothing.json())


async def test_a_photo_is_counted_with_its_time_and_what_was_left_of_its_deadline(
    scraper: httpx.AsyncClient, camera: Camera, shot: Shot
) -> None:
    before = await scraped(scraper)
    assert (await camera.post(URL, shot)).status == 200
    after = await scraped(scraper)
    assert (
        more(after, before, "photochanger_photos_total", {"slot": SLOT, "outcome": "done", "reason": ""}) == 1
    )
    for name in ("photochanger_photo_seconds", "photochanger_headroom_seconds"):
        assert more(after, before, f"{name}_count", {"slot": SLOT}) == 1
        assert more(after, before, f"{name}_bucket", {"slot": SLOT, "le": "+Inf"}) == 1
        assert more(after, before, f"{name}_bucket", {"slot": SLOT, "le": "60.0"}) == 1
        assert more(after, before, f"{name}_sum", {"slot": SLOT}) > 0
    assert more(after, before, "photochanger_photo_seconds_bucket", {"slot": SLOT, "le": "20.0"}) == 1
    assert more(after, before, "photochanger_headroom_seconds_bucket", {"slot": SLOT, "le": "5.0"}) == 0
    assert more(after, before, "photochanger_step_seconds_count", {"step": "store"}) == 1
    assert more(after, before, "photochanger_requests_total", {"room": "ingest", "status": "200"}) == 1


async def test_a_provider_that_fails_is_counted_and_so_is_the_fallback_that_delivers(
    scraper: httpx.AsyncClient, camera: Camera, shot: Shot, slot: Change, gemini: StandIn
) -> None:
    gemini.script = Script(then=Step("bad_request"))
    await slot(SLOT, **with_gemini(fallbacks=[LOCAL]))
    before = await scraped(scraper)
    assert (await camera.post(URL, shot)).status == 200
    after = await scraped(scraper)
    asked = {
        "provider": "gemini",
        "model": with_gemini()["model"] or "gemini-nano-banana-2.1",
        "outcome": "failed",
    }
    assert more(after, before, "photochanger_provider_requests_total", asked) >= 1
    assert more(after, before, "photochanger_fallbacks_total", {"slot": SLOT}) == 1


async def test_test_pictures_are_not_counted(
    scraper: httpx.AsyncClient, admin: httpx.AsyncClient, shot: Shot
) -> None:
    before = await scraped(scraper)
    made = await admin.post(f"/api/slots/{SLOT}/test-run?wait=1", files={"file": ("a.jpg", shot.photo)})
    assert made.status_code == 200, made.text
    after = await scraped(scraper)
    assert {key for key in after if key[0].startswith("photochanger_photos")} == {
        key for key in before if key[0].startswith("photochanger_photos")
    }


async def test_what_was_counted_stays_when_the_rows_leave_the_history(
    scraper: httpx.AsyncClient, stack: Stack, database: Database, camera: Camera, shot: Shot
) -> None:
    reply = await camera.post(URL, shot)
    job_id, long_ago = reply.headers["x-job-id"], utcnow() - timedelta(days=3000)
    async with stack.database() as db:
        await db.execute("update job_history set created_at = $2 where job_id = $1::uuid", job_id, long_ago)
        await db.execute("delete from metric where name <> 'task_last_success'")
    before = await scraped(scraper)
    async with database.session() as session:
        while await count_next(session):
            pass
    async with stack.database() as db:
        await db.execute("delete from job_history where job_id = $1::uuid", job_id)
    assert _of_photos(await scraped(scraper)) == _of_photos(before)


def _of_photos(samples: Samples) -> Samples:
    names = re.compile(r"photochanger_(photo|headroom|step|provider_requests|fallbacks|cost)")
    return {key: value for key, value in samples.items() if names.match(key[0])}


async def test_counting_twice_counts_once(database: Database) -> None:
    async with database.session() as session:
        while await count_next(session):
            pass
        first = [one for one in await all_sums(session) if one.name == "photos"]
        assert not await count_next(session)
        assert [one for one in await all_sums(session) if one.name == "photos"] == first


async def test_photos_count_once_after_the_clock_was_ahead(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.session() as session:
        while await count_next(session):
            pass
        await add_photo(session, after="1 hour")  # by a clock that is a day ahead
        with monkeypatch.context() as patch:
            patch.setattr(tally, "utcnow", lambda: utcnow() + timedelta(days=1))
            while await count_next(session):
                pass
        before = await photos(session)
        assert not await count_next(session)
        assert await photos(session) == before
        await add_photo(session, after="0 hours")
        assert await photos(session) == before + 1
        await session.rollback()


async def photos(session: AsyncSession) -> float:
    return sum(one.value for one in await all_sums(session) if one.name == "photos")


async def add_photo(session: AsyncSession, *, after: str) -> None:
    await session.execute(
        text(
            "insert into job_history (job_id, slot_id, source, status, provider, operation, upload_type,"
            " upload_size, upload_sha256, deadline_seconds, created_at) values (gen_random_uuid(), :slot,"
            " 'ingest', 'failed', 'local', 'glow', 'image/jpeg', 1, '', 48,"
            " clock_timestamp() + cast(cast(:after as text) as interval))"
        ),
        {"slot": SLOT, "after": after},
    )


async def test_what_a_slot_has_not_done_yet_is_counted_from_zero_and_what_was_never_done_is_expected(
    scraper: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    """Prometheus sees no counter grow that begins at 1, and no age of what is not there."""
    samples = await scraped(scraper)
    for slot in (await admin.get("/api/slots")).json()["slots"]:
        label = ("slot", slot["slot_id"])
        assert ("photochanger_fallbacks_total", (label,)) in samples
        ended = (("outcome", "failed"), ("reason", "interrupted"), label)
        assert ("photochanger_photos_total", ended) in samples
    for task in ("cleanup", "backup"):
        assert samples["photochanger_expected_since_timestamp_seconds", (("task", task),)] > 1e9


async def test_no_label_names_a_guest_a_job_or_a_key_and_the_series_are_few(
    scraper: httpx.AsyncClient, camera: Camera, shot: Shot
) -> None:
    await camera.post(URL, shot)
    samples = await scraped(scraper)
    labels = {name for _, found in samples for name, _ in found}
    assert labels <= {
        "slot", "outcome", "reason", "le", "step", "provider", "model", "currency", "task", "state",
        "kind", "name", "route", "pool", "room", "status", "version", "severity",
    }  # fmt: skip
    assert len(samples) < 3000


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed (Debian: prometheus)")
async def test_promtool_finds_nothing_to_complain_of(scraper: httpx.AsyncClient) -> None:
    text = (await scraper.get("/metrics")).content
    promtool = await asyncio.create_subprocess_exec(
        "promtool", "check", "metrics", stdin=PIPE, stdout=PIPE, stderr=STDOUT
    )
    said, _ = await promtool.communicate(text)
    assert (promtool.returncode, said) == (0, b"")
