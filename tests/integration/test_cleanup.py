"""Cleanup and ``scripts/cleanup_media.py``: what goes, what stays, and that it can be run at any time."""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from appliance.jobs.repository import JobRepository
from tests.conftest import Change
from tests.support.camera import Camera, Shot
from tests.support.cleaning import clean
from tests.support.stack import CHECKOUT, Stack

OLD = 600  # seconds: past every grace time


async def by_cron(stack: Stack, *arguments: str) -> tuple[int, Any]:
    """Run the script as cron does; its exit code and counts."""
    process = await asyncio.create_subprocess_exec(
        str(CHECKOUT / "scripts/cleanup_media.py"),
        "--json",
        *arguments,
        env=stack.environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    assert out, err.decode()
    return process.returncode, json.loads(out)


def aged(path: Path, seconds: float = OLD) -> Path:
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


@pytest.fixture
async def expired(stack: Stack, camera: Camera, shot: Shot) -> str:
    """A job past its TTL, the only one there is."""
    await clean(stack)
    reply = await camera.post("/api/ingest/slot-001?reply=json", shot)
    job_id: str = reply.json()["job_id"]
    async with stack.database() as db:
        await db.execute(
            "update job_history set result_expires_at = now() - interval '1 h' where job_id = $1", job_id
        )
    return job_id


async def pending_job(db: asyncpg.Connection, *, age: str) -> str:
    """A job whose process died."""
    job_id = str(uuid.uuid4())
    await db.execute(
        f"""insert into job_history (job_id, slot_id, provider, operation, upload_type, upload_size,
              upload_sha256, deadline_seconds, created_at)
            values ($1, 'slot-001', 'local', 'glow', 'image/jpeg', 1, '', 48,
                    now() - interval '{age}')""",
        job_id,
    )
    return job_id


async def test_an_expired_result_is_removed_and_its_row_marked(stack: Stack, expired: str) -> None:
    code, report = await by_cron(stack)
    assert (code, report["expired_results"]) == (0, 1)
    assert not (stack.media / f"results/{expired}.jpg").exists()
    row = await stack.row(expired)
    assert row["cleaned_at"] is not None
    assert row["status"] == "done"


async def test_a_dry_run_says_what_would_go_and_deletes_nothing(stack: Stack, expired: str) -> None:
    orphan = stack.media / f"results/{uuid.uuid4()}.jpg"
    orphan.write_bytes(b"x")
    aged(orphan)
    code, report = await by_cron(stack, "--dry-run")
    assert code == 0
    assert (report["dry_run"], report["expired_results"], report["orphan_files"]) == (True, 1, 1)
    assert orphan.exists()
    assert (stack.media / f"results/{expired}.jpg").exists()
    assert (await stack.row(expired))["cleaned_at"] is None
    orphan.unlink()


async def test_a_result_within_its_ttl_stays(stack: Stack, camera: Camera, shot: Shot) -> None:
    reply = await camera.post("/api/ingest/slot-001?reply=json", shot)
    kept = aged(stack.media / f"results/{reply.json()['job_id']}.jpg")
    await clean(stack)
    assert kept.exists()


async def test_files_without_a_job_are_removed_once_they_are_old(stack: Stack) -> None:
    orphan = stack.media / f"results/{uuid.uuid4()}.png"
    half_written = stack.media / "results/.partial-0123"
    young = stack.media / f"results/{uuid.uuid4()}.jpg"
    for path in (orphan, half_written, young):
        path.write_bytes(b"x")
    aged(orphan)
    aged(half_written)
    report = await clean(stack)
    assert report["orphan_files"] == 2
    assert [path.exists() for path in (orphan, half_written, young)] == [False, False, True]
    young.unlink()


async def test_a_picture_whose_job_ends_between_two_questions_is_no_orphan(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock was put right meanwhile, so a picture that was just stored looks old."""
    async with stack.database() as db:
        job_id = await pending_job(db, age="0 s")
    key = f"results/{job_id}.jpg"
    picture = stack.media / key
    picture.write_bytes(b"x")
    aged(picture)

    def and_then_it_ends(question: Any) -> Any:
        async def asked(*of: Any) -> Any:
            answer = await question(*of)
            async with stack.database() as db:
                await db.execute(
                    """update job_history set status = 'done', result_key = $2,
                         result_expires_at = now() + interval '1 h' where job_id = $1""",
                    job_id,
                    key,
                )
            return answer

        return asked

    for name in ("keys_of", "unfinished"):
        monkeypatch.setattr(JobRepository, name, and_then_it_ends(getattr(JobRepository, name)))
    report = await clean(stack)
    assert (report["orphan_files"], picture.exists()) == (0, True)
    picture.unlink()
    async with stack.database() as db:
        await db.execute("delete from job_history where job_id = $1", job_id)


async def test_abandoned_uploads_are_removed_and_those_in_flight_are_not(stack: Stack) -> None:
    abandoned = stack.media / "temp/slot-000" / str(uuid.uuid4())
    in_flight = stack.media / "temp/slot-000" / str(uuid.uuid4())
    for folder in (abandoned, in_flight):
        folder.mkdir(parents=True)
        (folder / "photo").write_bytes(b"x" * 10)
    aged(abandoned / "photo")
    aged(abandoned)
    report = await clean(stack)
    assert (report["abandoned_uploads"], report["freed_bytes"]) == (1, 10)
    assert (abandoned.exists(), in_flight.exists()) == (False, True)
    (in_flight / "photo").unlink()
    in_flight.rmdir()
    in_flight.parent.rmdir()  # made by this test: a slot's own folder must be the app's


async def test_an_interrupted_job_is_closed_and_a_running_one_is_left(stack: Stack) -> None:
    async with stack.database() as db:
        interrupted = await pending_job(db, age="10 min")
        running = await pending_job(db, age="20 s")
        report = await clean(stack)
        assert report["interrupted_jobs"] == 1
        assert (await stack.row(interrupted))["failure_reason"] == "interrupted"
        assert (await stack.row(running))["status"] == "pending"
        await db.execute("delete from job_history where job_id = any($1)", [interrupted, running])


async def test_a_picture_that_was_late_after_a_wait_for_a_permit_is_not_taken_for_timely(
    stack: Stack,
) -> None:
    async with stack.database() as db:
        job_id = await pending_job(db, age="10 min")
        await db.execute(
            "update job_history set deadline_at = created_at + interval '5 s' where job_id = $1", job_id
        )
    stored = stack.media / f"results/{job_id}.jpg"
    stored.write_bytes(b"picture")
    aged(stored, seconds=590)  # ten seconds after the row was opened, five after the answer was due
    report = await clean(stack)
    row = await stack.row(job_id)
    assert (report["recovered_results"], row["status"], stored.exists()) == (0, "failed", False)


async def test_a_picture_stored_in_time_by_an_interrupted_job_is_kept(stack: Stack) -> None:
    async with stack.database() as db:
        job_id = await pending_job(db, age="10 min")
    stored = stack.media / f"results/{job_id}.jpg"
    stored.write_bytes(b"picture")
    aged(stored, seconds=590)  # ten seconds after the job began
    report = await clean(stack)
    row = await stack.row(job_id)
    assert report["recovered_results"] == 1
    assert (row["status"], row["result_key"], row["result_size"]) == ("done", f"results/{job_id}.jpg", 7)
    assert stored.exists()


@pytest.fixture
async def compared(
    stack: Stack, camera: Camera, shot: Shot, client: httpx.AsyncClient, setting: Change
) -> tuple[Path, Path]:
    """Copies at screen size of a kept photo and of its picture, made for the slider on the page."""
    await setting("keep_sources_hours", 1)
    reply = await camera.post("/api/ingest/slot-001?reply=json", shot)
    job_id = reply.json()["job_id"]
    for path in ("before", "preview"):
        assert (await client.get(f"/public/results/{job_id}/{path}?w=320")).status_code == 200
    photo, picture = (aged(stack.media / f"previews/{job_id}.{part}320.jpg") for part in "bs")
    return photo, picture


async def test_a_kept_photo_goes_with_its_copies_at_screen_size(
    stack: Stack, compared: tuple[Path, Path], setting: Change
) -> None:
    photo, picture = compared
    await clean(stack)
    assert photo.exists()
    photo.touch()  # too young to be taken for a leftover
    await setting("keep_sources_hours", 0)
    report = await clean(stack)
    assert report["kept_photos"] >= 1
    assert (photo.exists(), picture.exists()) == (False, True)


async def test_copies_of_a_photo_that_went_earlier_are_removed(
    stack: Stack, compared: tuple[Path, Path]
) -> None:
    photo, picture = compared
    async with stack.database() as db:
        await db.execute(
            "update job_history set source_key = null where job_id = $1", photo.name.partition(".")[0]
        )
    report = await clean(stack)
    assert report["orphan_files"] >= 1
    assert (photo.exists(), picture.exists()) == (False, True)


async def test_two_at_once_do_the_work_once(stack: Stack, expired: str) -> None:
    reports = [report for _, report in await asyncio.gather(*(by_cron(stack) for _ in range(3)))]
    assert sum(report["expired_results"] for report in reports) == 1
    assert not (stack.media / f"results/{expired}.jpg").exists()


async def test_a_file_that_cannot_be_removed_is_an_exit_code_of_its_own(stack: Stack, expired: str) -> None:
    blocked = stack.media / f"results/{expired}.jpg"
    blocked.unlink()
    blocked.mkdir()
    code, report = await by_cron(stack)
    assert (code, report["failures"]) == (1, 1)
    assert (await stack.row(expired))["cleaned_at"] is None
    blocked.rmdir()
    assert (await by_cron(stack))[0] == 0


@pytest.mark.parametrize("host", ["127.0.0.1:1", "no-such-name.invalid"])
async def test_without_a_database_it_says_so_and_exits_3(stack: Stack, host: str) -> None:
    process = await asyncio.create_subprocess_exec(
        str(CHECKOUT / "scripts/cleanup_media.py"),
        env={**stack.environment(), "PHOTOCHANGER_DATABASE_URL": f"postgresql://nobody@{host}/none"},
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await process.communicate()
    assert process.returncode == 3
    assert "database does not answer" in err.decode()


@pytest.mark.parametrize(
    "arguments", [["--every", "soon"], ["--every", "0"], ["--dry-run", "--every", "15m"]]
)
async def test_wrong_usage_exits_2(stack: Stack, arguments: list[str]) -> None:
    process = await asyncio.create_subprocess_exec(
        str(CHECKOUT / "scripts/cleanup_media.py"),
        *arguments,
        env=stack.environment(),
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == 2


async def test_limits_forget_who_was_here_within_a_day(stack: Stack) -> None:
    async with stack.database() as db:
        await db.execute(
            "insert into rate_bucket (key, tokens, updated_at) values"
            " ('login:address:192.0.2.9', 1, now() - interval '13 hours'),"
            " ('login:address:192.0.2.10', 1, now())"
        )
    await clean(stack)
    left = await stack.value(
        "select array_agg(key) from rate_bucket where key like 'login:address:192.0.2.%'"
    )
    assert left == ["login:address:192.0.2.10"]
