"""Permits: first come, first served, never lost."""

from __future__ import annotations

import asyncio

import pytest

from appliance.core.clock import Deadline
from appliance.core.errors import SlotBusy
from appliance.ingest.gate import Gate


async def settled() -> None:
    """Let every task that can run do so."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_no_more_than_the_limit_are_inside_and_the_first_to_come_is_the_first_in() -> None:
    gate, order, leave = Gate(), [], asyncio.Event()

    async def visit(name: int) -> None:
        async with gate.enter("slot", 2, Deadline.after(10)):
            order.append(name)
            await leave.wait()

    visits = [asyncio.create_task(visit(name)) for name in range(4)]
    await settled()
    assert order == [0, 1]
    assert gate.in_use() == {"slot": 2}
    leave.set()
    await asyncio.gather(*visits)
    assert order == [0, 1, 2, 3]
    assert gate.in_use() == {}


async def test_waiting_ends_while_there_is_still_time_to_answer() -> None:
    gate = Gate()
    async with gate.enter("slot", 1, Deadline.after(10)):
        deadline = Deadline.after(1.05)
        with pytest.raises(SlotBusy) as caught:
            async with gate.enter("slot", 1, deadline):
                pytest.fail("there was no permit")
    assert caught.value.retry_after == 1
    assert deadline.remaining() > 0.5


async def test_a_cancelled_visitor_gives_its_turn_to_the_next() -> None:
    gate, inside = Gate(), asyncio.Event()

    async def visit() -> None:
        async with gate.enter("slot", 1, Deadline.after(10)):
            inside.set()

    async with gate.enter("slot", 1, Deadline.after(10)):
        given_up, patient = asyncio.create_task(visit()), asyncio.create_task(visit())
        await settled()
        given_up.cancel()
        await settled()
    async with asyncio.timeout(1):
        await patient
    assert inside.is_set()
    assert gate.in_use() == {}


async def test_a_visitor_cancelled_at_the_moment_its_turn_comes_does_not_keep_it() -> None:
    gate = Gate()
    permits = gate.permits("slot")
    await permits.acquire(1, Deadline.after(10))
    waiting = asyncio.create_task(permits.acquire(1, Deadline.after(10)))
    await settled()
    permits.release(0.1)  # the turn is given …
    waiting.cancel()  # … and the visitor is gone before it can take it
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert permits.in_use == 0


async def test_a_raised_limit_lets_those_who_wait_in() -> None:
    gate = Gate()
    permits = gate.permits("slot")
    await permits.acquire(1, Deadline.after(10))
    waiting = asyncio.create_task(permits.acquire(1, Deadline.after(10)))
    await settled()
    await permits.acquire(3, Deadline.after(10))
    await waiting
    assert permits.in_use == 3


async def test_a_failure_inside_gives_the_permit_back() -> None:
    gate = Gate()
    with pytest.raises(ZeroDivisionError):
        async with gate.enter("slot", 1, Deadline.after(10)):
            raise ZeroDivisionError
    assert gate.in_use() == {}


async def test_what_failed_at_once_says_nothing_of_how_long_a_picture_takes() -> None:
    gate = Gate()
    async with gate.enter("slot", 1, Deadline.after(10)):
        await asyncio.sleep(0.05)
    typical = gate.permits("slot").typical_seconds
    with pytest.raises(ZeroDivisionError):
        async with gate.enter("slot", 1, Deadline.after(10)):
            raise ZeroDivisionError
    assert gate.permits("slot").typical_seconds == typical >= 0.05
