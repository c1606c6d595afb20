"""Whatever is no photo waits for one of a few seats, and beside a photo there is one."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from appliance.core import photos_first
from appliance.core.photos_first import SEATS, PhotosFirst, PhotoWork
from tests.support.waiting import until


class Room:
    """An app whose requests end when they are let go, and whoever asks it."""

    def __init__(self) -> None:
        self.work = PhotoWork()
        self.begun: list[str] = []
        self.now: Counter[str] = Counter()
        self.let_go: dict[str, asyncio.Event] = {}
        self.status = 200
        self.gone: dict[str, asyncio.Event] = {}
        self._asked = PhotosFirst(self.app, self.work, re.compile("/photo"))

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["headers"][0][1].decode()
        self.begun.append(name)
        self.now["all"] += 1
        assert (await receive())["type"] == "http.request"
        await self.let_go[name].wait()
        self.now["all"] -= 1
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def ask(self, name: str, address: str = "192.0.2.1", path: str = "/", method: str = "GET") -> Any:
        """A request that nobody answers before it is let go."""
        self.let_go[name], self.gone[name] = asyncio.Event(), asyncio.Event()
        messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Message:
            if messages:
                return messages.pop()
            await self.gone[name].wait()
            return {"type": "http.disconnect"}

        async def send(_message: Message) -> None:
            """Somebody reads it."""

        headers = [(b"x-name", name.encode())]
        scope = {"type": "http", "path": path, "method": method, "client": (address, 1), "headers": headers}
        return asyncio.create_task(self._asked(scope, receive, send))

    async def settled(self) -> list[str]:
        """What has begun once nobody can go on."""
        for _ in range(10):
            await asyncio.sleep(0)
        return self.begun


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    monkeypatch.setattr(photos_first, "LONGEST", 60)
    return Room()


@pytest.fixture
def pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos_first, "PAUSE", 0.2)


async def end(room: Room, *tasks: asyncio.Task[None]) -> None:
    for event in room.let_go.values():
        event.set()
    await asyncio.gather(*tasks)


async def test_a_few_are_worked_at_beside_each_other(room: Room) -> None:
    tasks = [room.ask(str(number)) for number in range(SEATS + 2)]
    assert await room.settled() == [str(number) for number in range(SEATS)]
    room.let_go["1"].set()
    assert (await room.settled())[SEATS:] == [str(SEATS)]
    await end(room, *tasks)
    assert len(room.begun) == SEATS + 2


async def test_beside_a_photo_there_is_one(room: Room) -> None:
    with room.work.going_on():
        tasks = [room.ask(str(number)) for number in range(3)]
        assert await room.settled() == ["0"]
        room.let_go["0"].set()
        assert await room.settled() == ["0", "1"]
        with room.work.elsewhere():  # it waits for its provider
            room.let_go["1"].set()
            tasks.append(room.ask("3", "192.0.2.9"))
            assert sorted(await room.settled()) == ["0", "1", "2", "3"]
    await end(room, *tasks)


async def test_whoever_asks_often_keeps_no_other_address_waiting(room: Room) -> None:
    with room.work.going_on():
        flood = [room.ask(f"flood {number}") for number in range(50)]
        guest = room.ask("guest", "192.0.2.2")
        neighbours = [room.ask(f"v6 {number}", f"2001:db8::{number}") for number in range(1, 3)]
        await room.settled()
        for name in ("flood 0", "flood 1", "guest", "v6 1"):
            room.let_go[name].set()
        assert (await room.settled())[:4] == ["flood 0", "flood 1", "guest", "v6 1"]
        assert room.begun[4:] == ["flood 2"], "an IPv6 address counts by its /64"
    await end(room, *flood, guest, *neighbours)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_what_nobody_waits_for_any_longer_is_not_begun(room: Room, method: str) -> None:
    with room.work.going_on():
        first, left, last = room.ask("first"), room.ask("left", method=method), room.ask("last")
        await room.settled()
        room.gone["left"].set()
        await left
        room.let_go["first"].set()
        assert await room.settled() == ["first", "last"]
    await end(room, first, last)


async def test_one_that_is_broken_off_while_it_waits_leaves_the_line(room: Room) -> None:
    with room.work.going_on():
        first, left, last = (room.ask(name, method="POST") for name in ("first", "left", "last"))
        await room.settled()
        left.cancel()
        room.let_go["first"].set()
        assert await room.settled() == ["first", "last"]
    await end(room, first, last)


async def test_one_that_waits_for_something_else_gives_up_its_seat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos_first, "LONGEST", 0.01)
    room = Room()
    with room.work.going_on():
        tasks = [room.ask("slow"), room.ask("quick")]
        await until(lambda: room.begun == ["slow", "quick"])
        assert room.now["all"] == 2
    await end(room, *tasks)


async def test_photos_need_no_seat(room: Room) -> None:
    with room.work.going_on():
        tasks = [room.ask(name, path="/photo", method="POST") for name in ("one", "two", "three")]
        assert await room.settled() == ["one", "two", "three"]
    await end(room, *tasks)


@pytest.mark.usefixtures("pause")
@pytest.mark.parametrize(("status", "method"), [(404, "GET"), (429, "POST"), (200, "HEAD")])
async def test_beside_a_photo_what_was_in_vain_keeps_its_seat_for_a_moment(
    room: Room, status: int, method: str
) -> None:
    room.status = status
    with room.work.going_on():
        tasks = [room.ask("guess", method=method), room.ask("guest")]
        await room.settled()
        room.let_go["guess"].set()
        assert await room.settled() == ["guess"]
        await until(lambda: "guest" in room.begun, seconds=5)
    await end(room, *tasks)


@pytest.mark.usefixtures("pause")
async def test_without_a_photo_nobody_waits_for_what_was_in_vain(room: Room) -> None:
    room.status = 404
    tasks = [room.ask(str(number)) for number in range(SEATS + 1)]
    await room.settled()
    room.let_go["0"].set()
    assert (await room.settled())[-1] == str(SEATS)
    await end(room, *tasks)
