"""Keys and routes that one process leaves alone are left alone by the others, beside the photos' way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy.engine import URL, make_url

from appliance.core.db import Database
from appliance.providers.breaker import FAILURES_TO_OPEN, Circuits
from appliance.providers.keys import KeyRing
from appliance.providers.pauses import Pause, Pauses
from appliance.providers.shared_pauses import SharedPauses
from tests.providers.routes import Keys
from tests.support.line import line_to_database
from tests.support.stack import Stack
from tests.support.waiting import until

KEYS = ("shared-pauses-key-a", "shared-pauses-key-b")
ROUTE = "gemini/of-shared-pauses"


class Process:
    """What one process knows of keys and routes."""

    def __init__(self, pauses: Pauses, keys: Sequence[str] = KEYS) -> None:
        self.pauses = pauses
        self.ring = KeyRing(Keys(keys), pauses)
        self.circuits = Circuits(pauses)

    def break_circuit(self) -> None:
        for _ in range(FAILURES_TO_OPEN):
            self.circuits.of(ROUTE).failed("http_503")

    @property
    def route(self) -> str:
        return self.circuits.of(ROUTE).state


def url_of(stack: Stack) -> URL:
    return make_url(stack.dsn()).set(drivername="postgresql+asyncpg")


@asynccontextmanager
async def one_of_several(url: URL) -> AsyncIterator[Process]:
    database = Database(url)
    pauses = SharedPauses(database)
    pauses.start()
    try:
        yield Process(pauses)
    finally:
        await pauses.aclose()
        await database.aclose()


@pytest.fixture
async def starts(stack: Stack) -> AsyncIterator[Callable[[], Awaitable[Process]]]:
    """``await starts()``: one more process."""
    async with AsyncExitStack() as running:
        yield lambda: running.enter_async_context(one_of_several(url_of(stack)))
    async with stack.database() as db:
        await db.execute("delete from provider_pause")


Starts = Callable[[], Awaitable[Process]]


async def test_a_key_that_one_process_found_spent_rests_in_the_others(starts: Starts) -> None:
    one, other = await starts(), await starts()
    one.ring.set_aside("gemini", KEYS[0], 900, "insufficient_quota", spent=True)
    await until(lambda: other.ring.usable("gemini") == [KEYS[1]])
    (trouble,), (known,) = other.ring.troubles("gemini"), one.ring.troubles("gemini")
    assert trouble == known
    (state, _) = other.ring.states("gemini")
    assert (state.reason, state.models) == ("insufficient_quota", ())
    assert state.rests_for == pytest.approx(900, abs=5)


async def test_a_key_at_a_models_limit_rests_for_that_model_only(starts: Starts) -> None:
    one, other = await starts(), await starts()
    one.ring.set_aside("gemini", KEYS[0], 30, "RESOURCE_EXHAUSTED", "a model of words")
    await until(lambda: other.ring.usable("gemini", "a model of words") == [KEYS[1]])
    assert other.ring.usable("gemini", "another") == list(KEYS)
    assert other.ring.states("gemini")[0].models == ("a model of words",)


async def test_a_key_that_one_process_takes_into_use_again_is_used_by_all(starts: Starts) -> None:
    one, other = await starts(), await starts()
    one.ring.set_aside("gemini", KEYS[0], 600, "API_KEY_INVALID")
    one.ring.set_aside("gemini", KEYS[0], 30, "RESOURCE_EXHAUSTED", "flash")
    await until(lambda: other.ring.states("gemini")[0].rests_for)
    other.ring.use_again("gemini", KEYS[0])
    await until(lambda: one.ring.usable("gemini", "flash") == list(KEYS))
    assert one.ring.troubles("gemini") == []


async def test_a_picture_in_one_process_ends_a_keys_trouble_in_all(starts: Starts) -> None:
    one, other = await starts(), await starts()
    one.ring.set_aside("gemini", KEYS[0], 600, "API_KEY_INVALID")
    await until(lambda: other.ring.troubles("gemini"))
    other.ring.worked("gemini", KEYS[0])
    await until(lambda: not one.ring.troubles("gemini"))
    assert one.ring.usable("gemini") == [KEYS[1]]


async def test_a_route_that_fails_in_one_process_is_left_alone_by_all_until_it_delivers_in_one(
    starts: Starts,
) -> None:
    one, other = await starts(), await starts()
    one.break_circuit()
    await until(lambda: other.route == "open")
    assert (other.circuits.of(ROUTE).last_reason, list(other.circuits.not_closed())) == ("http_503", [ROUTE])
    other.circuits.of(ROUTE).succeeded()
    await until(lambda: one.route == "closed")
    one.circuits.of(ROUTE).failed("http_503")
    assert one.route == "closed"


async def test_a_process_that_starts_knows_what_was_learned_before(starts: Starts) -> None:
    one = await starts()
    one.ring.set_aside("gemini", KEYS[0], 600, "API_KEY_INVALID")
    one.break_circuit()
    await one.pauses.load()
    later = await starts()
    await later.pauses.load()
    assert (later.ring.usable("gemini"), later.route) == ([KEYS[1]], "open")


async def test_what_was_learned_last_is_written_before_a_process_ends(stack: Stack, starts: Starts) -> None:
    async with one_of_several(url_of(stack)) as one:
        await one.pauses.load()
        one.break_circuit()
    later = await starts()
    await later.pauses.load()
    assert later.route == "open"


async def test_no_key_stands_in_the_database(stack: Stack, starts: Starts) -> None:
    one = await starts()
    one.ring.set_aside("gemini", KEYS[0], 600, "API_KEY_INVALID")
    await one.pauses.load()
    rows = await stack.value("select string_agg(provider_pause::text, '') from provider_pause")
    assert "API_KEY_INVALID" in rows
    assert KEYS[0] not in rows


async def test_whatever_a_provider_says_is_shared(starts: Starts) -> None:
    one, other = await starts(), await starts()
    one.ring.set_aside("gemini", KEYS[0], 1e18, "\0\ud800" + "x" * 999, "flash")
    await until(lambda: other.ring.usable("gemini", "flash") == [KEYS[1]])
    assert one.ring.usable("gemini", "flash") == [KEYS[1]]


async def test_rows_that_say_nothing_any_more_are_removed(stack: Stack, starts: Starts) -> None:
    async with stack.database() as db:
        await db.execute(
            "insert into provider_pause values"
            " ('route gone', now() - '2 days'::interval, now(), now(), 'http_503', false, null)"
        )
    one = await starts()
    one.break_circuit()
    one.circuits.of(ROUTE).succeeded()
    await until(lambda: _is_empty(stack))


async def _is_empty(stack: Stack) -> bool:
    return bool(await stack.value("select count(*) = 0 from provider_pause"))


async def test_a_clock_that_was_set_back_prolongs_no_rest(stack: Stack, starts: Starts) -> None:
    one = await starts()
    one.ring.set_aside("gemini", KEYS[0], 30, "RESOURCE_EXHAUSTED", "flash")
    await one.pauses.load()
    async with stack.database() as db:
        await db.execute(
            "update provider_pause set set_at = set_at + '1 day'::interval,"
            " until = until + '1 day'::interval, forget_at = forget_at + '1 day'::interval"
        )
    later = await starts()
    await later.pauses.load()
    assert 25 < (later.ring.seconds_until_usable("gemini", "flash") or 30) <= 30


async def test_without_a_database_each_goes_by_what_it_knows_and_tells_it_later(
    stack: Stack, starts: Starts
) -> None:
    other = await starts()
    async with line_to_database(stack) as (line, url), one_of_several(url) as one:
        await one.pauses.load()
        line.cut()
        one.break_circuit()
        assert one.route == "open"
        await until(lambda: line.refused > 0)
        assert other.route == "closed"
        line.mend()
        await until(lambda: other.route == "open", seconds=8)
        assert one.route == "open"


async def test_one_that_is_alone_keeps_it_in_memory(stack: Stack) -> None:
    alone = Process(Pauses())
    alone.break_circuit()
    await alone.pauses.load()
    assert alone.route == "open"
    assert await _is_empty(stack)


async def test_what_was_learned_while_rows_were_read_is_not_forgotten(starts: Starts) -> None:
    one, other = await starts(), await starts()
    names = [f"key of the test {number}" for number in range(40)]

    def known(process: Process) -> list[str]:
        return list(process.pauses.beginning_with("key of the test"))

    for name in names:
        one.pauses.begin(name, Pause(one.pauses.clock() + 600, "spent", since=datetime.now(UTC)))
        await asyncio.sleep(0)
        assert one.pauses.get(name)
    for name in names[::2]:
        one.pauses.end(name)
        await asyncio.sleep(0)
    await until(lambda: known(other) == known(one))
    assert len(known(one)) == 20
