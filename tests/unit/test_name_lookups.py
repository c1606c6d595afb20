"""Names are looked up so that one that nobody answers keeps no other waiting."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import uvloop

from appliance.core.names import look_up_apart

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class Resolver:
    """Knows every name but those that begin with ``silent``: they are answered when ``answer`` is set."""

    def __init__(self) -> None:
        self.answer = threading.Event()
        self.asked: list[str] = []

    def __call__(self, host: str, *_: Any) -> list[Any]:
        self.asked.append(host)
        if host.startswith("silent") and not self.answer.wait(30):
            raise socket.gaierror(socket.EAI_AGAIN, "nobody answers")
        if host == "unknown":
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80))]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    made = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", made)
    yield made
    made.answer.set()


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Iterator[Callable[[Awaitable[Any]], Any]]:
    """On either loop, as the app and as the commands use it."""
    with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:

        def run(work: Any) -> Any:
            look_up_apart(runner.get_loop())
            return runner.run(work)

        yield run


def ask(name: str) -> Awaitable[list[Any]]:
    return asyncio.get_running_loop().getaddrinfo(name, 80)


def test_names_that_nobody_answers_keep_no_other_waiting(
    run: Callable[[Awaitable[Any]], Any], resolver: Resolver
) -> None:
    async def one_among_many() -> Any:
        silent = [asyncio.ensure_future(ask(f"silent-{number}")) for number in range(40)]
        found = await asyncio.wait_for(ask("camera.local"), 5)
        assert not any(task.done() for task in silent)
        resolver.answer.set()
        assert len(await asyncio.gather(*silent)) == 40
        return found

    assert run(one_among_many())[0][4] == ("192.0.2.1", 80)


def test_a_name_is_asked_for_once_for_all_who_want_it_meanwhile(
    run: Callable[[Awaitable[Any]], Any], resolver: Resolver
) -> None:
    async def many_and_one_who_leaves() -> None:
        asking = [asyncio.ensure_future(ask("silent")) for _ in range(20)]
        await asyncio.sleep(0)
        asking.pop(0).cancel()
        resolver.answer.set()
        assert len(await asyncio.gather(*asking)) == 19
        assert resolver.asked == ["silent"]
        await ask("silent")
        assert resolver.asked == ["silent"] * 2

    run(many_and_one_who_leaves())


def test_a_name_that_is_not_there_is_the_systems_own_error(
    run: Callable[[Awaitable[Any]], Any], resolver: Resolver
) -> None:
    for _ in range(2):
        with pytest.raises(socket.gaierror, match="no such name"):
            run(ask_within("unknown"))


async def ask_within(name: str) -> list[Any]:
    return await ask(name)
