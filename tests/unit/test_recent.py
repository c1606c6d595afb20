"""What was read a moment ago is not read again, and what many ask for at once is read together."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from appliance.core import recent
from appliance.core.recent import BatchLoader, Changes, Recent
from appliance.core.siblings import Siblings
from tests.support.waiting import until


async def test_a_value_is_read_again_after_a_moment_and_after_a_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, reads, changes = 100.0, 0, Changes()
    monkeypatch.setattr(recent.time, "monotonic", lambda: now)

    async def read() -> int:
        nonlocal reads
        reads += 1
        await asyncio.sleep(0)
        return reads

    value = Recent(read, changes)
    assert await asyncio.gather(*(value.get() for _ in range(5))) == [1] * 5
    changes.count += 1
    assert [await value.get(), await value.get()] == [2, 2]
    now += recent.SECONDS + 0.01
    assert await value.get() == 3


async def test_a_value_that_changed_while_it_was_read_is_read_again() -> None:
    changes, reads = Changes(), 0

    async def read() -> int:
        nonlocal reads
        reads += 1
        if reads == 1:
            changes.count += 1
        return reads

    value = Recent(read, changes)
    assert [await value.get(), await value.get(), await value.get()] == [1, 2, 2]


async def test_a_failed_read_is_told_and_not_remembered() -> None:
    fails = True

    async def read() -> int:
        if fails:
            raise ConnectionError
        return 1

    value = Recent(read, Changes())
    with pytest.raises(ConnectionError):
        await value.get()
    fails = False
    assert await value.get() == 1


class Setting:
    """A value whose reading ends when it is let, perhaps badly."""

    def __init__(self) -> None:
        self.value, self.reads = "old", 0
        self.let_go = asyncio.Event()
        self.away = False

    async def read(self) -> str:
        self.reads += 1
        value = self.value
        await self.let_go.wait()
        if self.away:
            raise ConnectionError
        return value


async def test_all_who_wait_for_a_database_that_hangs_are_told_at_once_when_it_fails() -> None:
    setting = Setting()
    value = Recent(setting.read, Changes())
    asked = [asyncio.create_task(value.get()) for _ in range(8)]
    await until(lambda: setting.reads)
    setting.away = True
    setting.let_go.set()
    failed = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(one) for one in failed} == {ConnectionError}
    assert setting.reads == 1


async def test_who_gives_up_leaves_the_reading_to_the_others() -> None:
    setting = Setting()
    value = Recent(setting.read, Changes())
    gone, stays = (asyncio.create_task(value.get()) for _ in range(2))
    await until(lambda: setting.reads)
    gone.cancel()
    setting.let_go.set()
    assert await stays == "old"
    assert gone.cancelled()


async def test_who_asks_after_a_change_gets_nothing_that_was_read_before_it() -> None:
    setting, changes = Setting(), Changes()
    value = Recent(setting.read, changes)
    early = asyncio.create_task(value.get())
    await until(lambda: setting.reads)
    setting.value = "new"
    changes.count += 1
    late = asyncio.create_task(value.get())
    await asyncio.sleep(0)
    setting.let_go.set()
    assert await asyncio.gather(early, late) == ["old", "new"]


class Table:
    """A table that is looked into as often as it is let."""

    def __init__(self) -> None:
        self.looks: list[set[int]] = []
        self.let_go = asyncio.Event()
        self.away = False

    async def look(self, keys: Collection[int]) -> dict[int, str]:
        self.looks.append(set(keys))
        await self.let_go.wait()
        if self.away:
            raise ConnectionError
        return {key: f"row {key}" for key in keys if key < 10}


async def test_what_is_asked_meanwhile_is_looked_up_in_one_go() -> None:
    table = Table()
    together = BatchLoader(table.look)
    asked = [asyncio.create_task(together.find(1))]
    await asyncio.sleep(0.01)
    asked += [asyncio.create_task(together.find(key)) for key in (1, 2, 3, 99, 2)]
    await asyncio.sleep(0.01)
    table.let_go.set()
    assert await asyncio.gather(*asked) == ["row 1", "row 1", "row 2", "row 3", None, "row 2"]
    assert table.looks == [{1}, {1, 2, 3, 99}], "what is asked later is read later, even the same"


async def test_a_database_that_is_away_is_told_to_each_and_asked_again_later() -> None:
    table = Table()
    table.away = True
    table.let_go.set()
    together = BatchLoader(table.look)
    failed = await asyncio.gather(together.find(1), together.find(2), return_exceptions=True)
    assert [type(one) for one in failed] == [ConnectionError, ConnectionError]
    table.away = False
    assert await together.find(1) == "row 1"


async def test_whoever_hangs_up_does_not_stop_the_others() -> None:
    table = Table()
    together = BatchLoader(table.look)
    gone, stays = (asyncio.create_task(together.find(1)) for _ in range(2))
    await asyncio.sleep(0.01)
    gone.cancel()
    table.let_go.set()
    assert await stays == "row 1"


async def test_what_somebody_changed_in_one_process_the_others_have_taken_up_on_return(
    tmp_path: Path,
) -> None:
    taken_up: list[str] = []

    async def keys() -> None:
        await asyncio.sleep(0)
        taken_up.append("keys")

    async def from_a_database_that_is_away() -> None:
        raise ConnectionError

    async with AsyncExitStack() as stack:
        here, there = Changes(), Changes()
        for number, changes in enumerate((here, there), 1):
            siblings = Siblings(f"unix:{tmp_path}/app.sock", number, 2)
            changes.between(siblings)
            await siblings.open()
            stack.push_async_callback(siblings.aclose)
        there.taken_up_by(from_a_database_that_is_away)
        there.taken_up_by(keys)
        await here.made_by_somebody()
        assert (here.count, there.count, taken_up) == (1, 1, ["keys"])
        here.made()  # a booth's photo
        await until(lambda: there.count == 2)
        assert taken_up == ["keys"]
