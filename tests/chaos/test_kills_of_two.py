"""Either of two processes is killed, at any moment: a photo of the other goes on as if nothing had been."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.bare.supervision import socket_name
from tests.chaos.booths import Booths, Sent, booths_at_work
from tests.chaos.conftest import Note
from tests.chaos.forked import ForkedApp
from tests.chaos.invariant import assert_nothing_is_left, assert_nothing_was_lost
from tests.support.installed import copied
from tests.support.slots import set_slot
from tests.support.stack import Stack, running_stack
from tests.support.waiting import until

SLOTS = [f"slot-{number:03}" for number in range(1, 16)]  # a booth each, as at a venue
ADDRESSES = [f"127.0.7.{number}" for number in range(1, 16)]  # by which Nginx's log tells booths apart
FEWEST = 3  # kills in the short form: of each process one at least
LONGEST_PAUSE = 1.5  # seconds at most from the return of one to the next kill: a photo takes about that


# After its death Nginx may not have seen yet that a connection, which it kept open, has ended.
A_MOMENT = 0.1


@dataclass(frozen=True)
class Kill:
    """In monotonic seconds."""

    process: int
    at: float
    dead: float


@dataclass(frozen=True)
class Try:
    """One try of a photo, and the process that Nginx gave it to."""

    sent: Sent
    status: int
    began: float
    ended: float
    process: int
    is_first: bool

    def met(self, kills: list[Kill]) -> bool:
        """Whether its process was killed meanwhile."""
        return any(
            kill.process == self.process and kill.at <= self.ended and self.began <= kill.dead + A_MOMENT
            for kill in kills
        )

    def stood_beside(self, kills: list[Kill]) -> bool:
        """Whether the other process was killed meanwhile, and its own was not."""
        return not self.met(kills) and any(self.began <= kill.at <= self.ended for kill in kills)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, installed: Path) -> Iterator[Stack]:
    """An appliance of the module's own, whose app has two processes."""
    folder = copied(installed, tmp_path_factory.mktemp("two") / "data")
    with running_stack(folder, processes=2) as started:
        yield started


@pytest.fixture
async def forked(house: Stack, keeps_photos: None) -> AsyncIterator[dict[int, ForkedApp]]:
    """Both processes by their number, each started in no time."""
    del keeps_photos
    for slot_id in SLOTS:
        await set_slot(house, slot_id, active=True)
    with ExitStack() as given_back:
        both = {}
        for number in (1, 2):
            both[number] = await asyncio.to_thread(ForkedApp.in_place_of, house, number)
            await asyncio.to_thread(both[number].start)
            given_back.callback(both[number].give_back)
        yield both


@pytest.mark.timeout(7200)
async def test_a_photo_is_lost_only_with_the_process_that_had_it_and_the_other_notices_nothing(
    house: Stack, forked: dict[int, ForkedApp], kills: int, note: Note
) -> None:
    seed = time.time_ns()
    chance = random.Random(seed)
    first = chance.sample((1, 2), 2)
    killed: list[Kill] = []
    back: list[float] = []
    async with booths_at_work(house, SLOTS, addresses=ADDRESSES) as booths:
        await until(lambda: booths.statuses()[200], seconds=60)
        while len(killed) < (kills or FEWEST):
            await asyncio.sleep(chance.uniform(0, LONGEST_PAUSE))
            number = first.pop() if first else chance.choice((1, 2))
            since = time.monotonic()
            await asyncio.to_thread(forked[number].kill)
            killed.append(Kill(number, since, time.monotonic()))
            back.append(await asyncio.to_thread(forked[number].start))
    tries = await until(lambda: tries_of(house, booths), seconds=20)
    say(note, seed, killed, back, tries)
    # Whatever was not answered with its picture was in the process that was killed at that moment.
    assert [one for one in tries if one.status != 200 and not one.met(killed)] == []
    assert set(booths.codes()) <= {"service_unavailable"}
    await assert_nothing_was_lost(booths)
    await until(lambda: house.value("select count(*) = 0 from permit"), seconds=20)
    await assert_nothing_is_left(house, leaders=1)
    assert await pictures(house) == {one.key: 1 for one in booths.sent}, "one each, however often it was sent"


@pytest.fixture(scope="session")
def kills(pytestconfig: pytest.Config) -> int:
    """How many the long form makes; 0 is the short form."""
    found: int = pytestconfig.getoption("--chaos-kills")
    return found


def tries_of(stack: Stack, booths: Booths) -> list[Try] | None:
    """Every try of every photo, once Nginx has noted them all: booths post one after the other, so that the
    lines of an address are its tries in their order.
    """
    at = {f"unix:{socket_name(stack.socket_of(number))}": number for number in (1, 2)}
    noted: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for line in (stack.data / "logs/nginx.log").read_text().splitlines():
        entry = json.loads(line)
        if entry["client"] in ADDRESSES:
            last = entry["app_at"].split(", ")[-1]
            noted[entry["client"]].append((entry["status"], at[last]))
    tries = []
    for address in ADDRESSES:
        lines = iter(noted[address])
        for sent in (one for one in booths.sent if one.address == address):
            for turn, (status, (began, ended)) in enumerate(zip(sent.statuses, sent.spans, strict=True)):
                found = next(lines, None)
                if found is None:
                    return None
                # 0: the picture broke off. Nginx notes the status that had been sent before.
                assert status in (found[0], 0), "not the line of this try"
                tries.append(Try(sent, status, began, ended, found[1], turn == 0))
    return tries


async def pictures(stack: Stack) -> dict[str, int]:
    """How many pictures there are of each photo, by its idempotency key."""
    async with stack.database() as db:
        rows = await db.fetch(
            "select idempotency_key as key, count(*) filter (where status = 'done') as pictures"
            " from job_history group by 1"
        )
    return {row["key"]: row["pictures"] for row in rows}


def say(note: Note, seed: int, killed: list[Kill], back: list[float], tries: list[Try]) -> None:
    """The figures of docs/ops/reliability.md."""
    of_each = dict(sorted(Counter(kill.process for kill in killed).items()))
    photos = [one for one in tries if one.is_first]
    lost = [one for one in tries if one.status != 200]
    beside = [one.ended - one.began for one in photos if one.stood_beside(killed)]
    alone = [one.ended - one.began for one in photos if not one.met(killed) and not one.stood_beside(killed)]
    note(f"{len(killed)} kills {of_each} (seed {seed}), back after {statistics.median(back):.2f} s (median)")
    note(f"{len(photos)} photos; {len(lost)} tries lost, each in the killed process ({said(lost)})")
    note(f"{len(beside)} photos of the other process at a kill: {of(beside)}")
    note(f"{len(alone)} photos at no kill: {of(alone)}")
    again = [one.sent.spans[-1][1] - one.ended for one in photos if one.status != 200]
    note(f"{len(again)} photos were sent again; from the loss to the picture: {of(again)}")


def said(lost: list[Try]) -> str:
    return ", ".join(f"{count} x {status}" for status, count in Counter(one.status for one in lost).items())


def of(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} s (median), {max(seconds):.2f} s at most" if seconds else "none"
