"""Many large photos, one after the other: the app takes no more memory than for a few."""

from __future__ import annotations

import asyncio

import psutil
import pytest

from tests.chaos.booths import Booths
from tests.chaos.conftest import Note
from tests.chaos.invariant import assert_nothing_is_left
from tests.chaos.memory import Memory
from tests.support.photos import heavy_jpeg, portrait_jpeg
from tests.support.slots import set_slot
from tests.support.stack import Stack

SLOTS = [f"slot-{number:03}" for number in range(1, 9)]
SMALL_OUTPUT = {
    "provider": "local",
    "operation": "duotone",
    "model": None,
    "params": {"max_side": 1024},
    "output": {},
    "fallbacks": [],
    "active": True,
    "deadline_seconds": 60,
}
SHORT, LONG = (20, 60), (200, 2000)  # photos after which memory is compared
GROWTH = {SHORT: 1.25, LONG: 1.10}  # the short form only warms up


@pytest.mark.timeout(6 * 3600)
async def test_many_large_photos_take_no_more_memory_than_a_few(
    house: Stack, minutes: float, note: Note
) -> None:
    for slot in SLOTS:
        await set_slot(house, slot, **SMALL_OUTPUT)
    few, many = counts = LONG if minutes else SHORT
    photo = await asyncio.to_thread(heavy_jpeg) if minutes else portrait_jpeg(1500, 2000)
    memory = Memory(psutil.Process(house.pid_of("app")))
    booths = Booths(house, photo)

    async def work(slot: str) -> None:
        while len(memory.sizes) < many:
            if (await booths.post(slot)).digest:
                memory.look()

    await asyncio.gather(*(work(slot) for slot in SLOTS))
    before, after = memory.around(few), memory.around(many)
    note(f"{len(photo) / 1e6:.1f} MB each: {before:.0f} MB after {few}, {after:.0f} MB after {many}")
    note(f"answers {dict(booths.statuses())}; at most {max(memory.sizes):.0f} MB")
    assert after < before * GROWTH[counts]
    await assert_nothing_is_left(house)
