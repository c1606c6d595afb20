"""What happens at the same moment: a cleanup and a download, two cleanups, a restart and fifteen photos."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter

import pytest

from tests.chaos.booths import Booths, Sent
from tests.chaos.conftest import Note
from tests.chaos.invariant import assert_nothing_is_left, assert_nothing_was_lost, cleaned
from tests.chaos.processes import ready_again, supervisorctl
from tests.support.camera import read_head
from tests.support.photos import camera_jpeg_24mp, portrait_jpeg
from tests.support.slots import set_slot
from tests.support.stack import Stack
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(300)
SLOTS = [f"slot-{number:03}" for number in range(1, 16)]
LOCAL = {
    "provider": "local",
    "operation": "glow",
    "model": None,
    "params": {},
    "fallbacks": [],
    "active": True,
}


async def test_a_download_that_has_begun_is_completed_although_its_file_is_cleaned_up(house: Stack) -> None:
    booths = Booths(house, camera_jpeg_24mp())
    sent = await booths.post("slot-003")
    assert sent.statuses == [200]
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port, limit=4096)
    try:
        writer.write(f"GET /public/results/{sent.job_id} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        status, headers = await read_head(reader)
        assert status == 200
        async with house.database() as db:
            gone = "update job_history set result_expires_at = now() - interval '1 min' where job_id = $1"
            await db.execute(gone, sent.job_id)
        assert (await cleaned(house)).expired_results == 1
        assert list((house.media / "results").glob(f"{sent.job_id}*")) == []
        body = await reader.readexactly(int(headers["content-length"]))
        assert hashlib.sha256(body).hexdigest() == sent.digest
    finally:
        writer.close()


async def test_two_cleanups_at_once_beside_photos_remove_what_must_go_and_nothing_else(house: Stack) -> None:
    booths = Booths(house, portrait_jpeg())
    gone = [await booths.post("slot-001") for _ in range(5)]
    async with house.database() as db:
        await db.execute(
            "update job_history set result_expires_at = now() - interval '1 min'"
            " where job_id = any($1::uuid[])",
            [one.job_id for one in gone],
        )
    kept = Booths(house, portrait_jpeg())
    reports, *_ = await asyncio.gather(
        asyncio.gather(cleaned(house), cleaned(house)),
        *(kept.post(slot) for slot in ("slot-001", "slot-003") * 3),
    )
    assert sum(report.expired_results for report in reports) == len(gone)
    assert kept.statuses() == Counter({200: 6})
    await assert_nothing_was_lost(kept)
    await assert_nothing_is_left(house)


async def test_a_restart_in_the_middle_of_fifteen_photos_answers_every_booth(
    house: Stack, note: Note
) -> None:
    for slot in SLOTS:
        await set_slot(house, slot, **LOCAL)
    booths = Booths(house, portrait_jpeg(1200, 1600))
    assert (await booths.post(SLOTS[0])).statuses == [200]
    posted = [asyncio.create_task(booths.post(slot)) for slot in SLOTS]
    await until(
        lambda: len(house.temp_files()) > len(SLOTS) / 2 or booths.statuses().total() > 1,
        seconds=60,
        every=0.01,
    )
    await asyncio.to_thread(supervisorctl, house, "restart", "app")
    sent: list[Sent] = await asyncio.gather(*posted)
    note(f"answers {dict(booths.statuses())}")
    assert set(booths.statuses()) <= {200, 429, 503, 504}, "every booth has an answer"
    await ready_again(house)
    for one in sent:
        while one.digest is None:
            await booths.post(one.slot_id, one)
    await assert_nothing_was_lost(booths)
    await assert_nothing_is_left(house)
