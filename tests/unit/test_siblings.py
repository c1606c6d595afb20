"""Processes that tell each other: over sockets of their own, and never at a photo's expense."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from appliance.core import siblings
from appliance.core.recent import Changes
from appliance.core.siblings import ALONE, Siblings, socket_beside
from tests.support.waiting import until


@pytest.fixture(params=["short", "a long name " * 15], ids=["short", "long"])
async def three(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[Siblings]]:
    """Three processes of one app, in folders with short and long names."""
    folder = tmp_path / request.param.strip()
    folder.mkdir()
    async with AsyncExitStack() as stack:
        made = [Siblings(f"unix:{folder}/app.sock", number, 3) for number in (1, 2, 3)]
        for number, one in enumerate(made, 1):

            async def answer(facts: dict[str, Any], number: int = number) -> Any:
                return {"process": number, "asked": facts["x"]}

            one.on("who", answer)
            await one.open()
            stack.push_async_callback(one.aclose)
        yield made


async def test_each_of_the_others_answers(three: list[Siblings]) -> None:
    found = await three[1].ask("who", x="ü" * 10_000)
    assert sorted(one["process"] for one in found) == [1, 3]
    assert {one["asked"] for one in found} == {"ü" * 10_000}


async def test_who_has_ended_or_cannot_say_is_left_out(three: list[Siblings]) -> None:
    assert await three[0].ask("what nobody knows") == []
    await three[2].aclose()
    assert [one["process"] for one in await three[0].ask("who", x=1)] == [2]


async def test_who_takes_too_long_is_left_out(three: list[Siblings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(siblings, "PATIENCE", 0.05)

    async def never(_: dict[str, Any]) -> Any:
        await asyncio.Event().wait()

    three[1].on("who", never)
    assert [one["process"] for one in await three[0].ask("who", x=1)] == [3]


async def test_who_is_alone_asks_nobody_and_listens_nowhere() -> None:
    await ALONE.open()
    assert await ALONE.ask("who", x=1) == []
    await ALONE.aclose()


async def test_only_the_appliances_user_may_ask(tmp_path: Path) -> None:
    one = Siblings(f"unix:{tmp_path}/app.sock", 2, 2)
    await one.open()
    place = socket_beside(f"unix:{tmp_path}/app.sock", 2)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    await one.aclose()
    assert not place.exists()


async def test_a_change_counts_in_the_other_process_too(tmp_path: Path) -> None:
    both = [Siblings(f"unix:{tmp_path}/app.sock", number, 2) for number in (1, 2)]
    here, there = Changes(), Changes()
    for changes, one in zip((here, there), both, strict=True):
        changes.between(one)
        await one.open()
    here.made()
    assert here.count == 1
    await until(lambda: there.count == 1)
    for one in both:
        await one.aclose()
