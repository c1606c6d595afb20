"""Two processes that look after the same channels send each message once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.staff.alerts.repository import AlertRepository
from tests.support.alerts import Ground, ground_of
from tests.support.receivers import receiving
from tests.support.stack import Stack


@pytest.fixture
async def ground(stack: Stack, tmp_path: Path) -> AsyncIterator[Ground]:
    async with ground_of(stack, "alerts_sent_once", tmp_path) as made:
        yield made


async def test_a_test_that_arrives_does_not_release_what_another_process_is_sending(ground: Ground) -> None:
    with receiving() as web:
        channel = await ground.add(f"json://{web.host}/")
        await ground.issue()
        await ground.sender.write()
        async with ground.database.session() as session:
            assert await AlertRepository(session).take(channel, timedelta(minutes=2))
        assert (await ground.channels.test(channel)).ok
        assert not await ground.sender.send(channel)
        assert [one.json["title"] for one in web.arrived] == ["Test message"]
        await ground.pass_time(3)
        assert await ground.round() == [("opened", True)], "who had it has died"


async def test_what_waits_behind_channels_that_hang_is_not_taken_by_a_process_that_cannot_send_it_yet(
    ground: Ground,
) -> None:
    with receiving() as web:
        channel = await ground.add(f"json://{web.host}/")
        await ground.issue()
        await ground.sender.write()
        async with ground.delivery.seats, ground.delivery.seats:
            waits = asyncio.create_task(ground.sender.send(channel))
            await asyncio.sleep(0.2)
            assert await ground.another().send(channel), "another process sends it meanwhile"
        assert not await waits
    assert len(web.arrived) == 1
