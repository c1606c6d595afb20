"""What a channel refuses for good: the others pass, and nothing is lost where a setting is wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.alerts import Ground, ground_of
from tests.support.receivers import mail_server, receiving
from tests.support.stack import Stack


@pytest.fixture
async def ground(stack: Stack, tmp_path: Path) -> AsyncIterator[Ground]:
    async with ground_of(stack, "refused_alerts", tmp_path) as made:
        yield made


async def test_what_is_refused_for_good_lets_the_others_pass_and_is_dropped_once_one_has(
    ground: Ground,
) -> None:
    with receiving() as web:
        web.refuses = b"Photos stop"
        await ground.add(f"json://{web.host}/")
        await ground.issue()
        assert await ground.round() == [("opened", False)]
        waits = (await ground.channels.view()).messages[0]
        assert waits.refused_at
        assert waits.next_try_at, "it may be a wrong setting: nothing is lost"
        await ground.issue("disk.low", "will_stop")
        assert await ground.round() == [("opened", False), ("opened", True)]
    dropped = (await ground.channels.view()).messages[1]
    assert dropped.dropped_at
    assert dropped.answer.startswith("Refused, unlike a later message: dropped.")
    assert "error=422" in dropped.answer


async def test_where_everything_is_refused_nothing_is_dropped_and_all_arrives_once_that_is_mended(
    ground: Ground,
) -> None:
    with receiving() as web:
        await ground.add(f"json://{web.host}/")
        await ground.issue()
        await ground.issue()
        for status, tries in ((400, 1), (403, 0)):  # of what waits behind the first one
            web.status = status
            await ground.run("update alert_message set refused_at = null, tries = 0, next_try_at = now()")
            assert await ground.round() == [("opened", False)] * 2
            assert [one.tries for one in (await ground.channels.view()).messages] == [tries, 1]
        web.status = 200
        await ground.pass_time(20)
        assert await ground.round() == [("opened", True)] * 2


async def test_a_mail_server_says_why_it_refuses_a_mail_and_takes_the_next_one(ground: Ground) -> None:
    with mail_server() as box:
        box.answers = {
            "Soon": "554 5.7.1 looks like spam",
            "gone@crew.local": "550 5.1.1 nobody of that name",
        }
        await ground.add(
            f"mailto://127.0.0.1:{box.port}?from=box@booth.local&to=gone@crew.local,igor@crew.local"
        )
        await ground.issue("disk.low", "will_stop")
        assert await ground.round() == [("opened", False)]
        await ground.issue()
        assert await ground.round() == [("opened", False), ("opened", True)], "one of two has it"
    sent, dropped = (await ground.channels.view()).messages
    assert sent.refused_at
    assert "550 5.1.1 nobody of that name" in sent.answer
    assert "554 5.7.1 looks like spam" in dropped.answer
    assert len(box.mails) == 1


async def test_a_recipient_who_is_put_off_gets_it_later_and_the_others_get_it_twice_at_most(
    ground: Ground,
) -> None:
    with mail_server() as box:
        box.answers = {"new@crew.local": "450 4.2.0 greylisted, come back later"}
        await ground.add(
            f"mailto://127.0.0.1:{box.port}?from=box@booth.local&to=igor@crew.local,new@crew.local"
        )
        await ground.issue("disk.low", "will_stop")
        assert await ground.round() == [("opened", False)]
        await ground.pass_time(14)
        assert await ground.round() == [("opened", False)], "it rests for as long as greylisting takes"
        await ground.issue("disk.low", "will_stop")
        assert await ground.round() == [("opened", False)] * 2, "what follows does not wait"
        box.answers.clear()
        await ground.pass_time(15)
        assert await ground.round() == [("opened", True)] * 2
        assert [mail["to"] for mail in box.mails].count("new@crew.local") == 2
        box.answers = {"new@crew.local": "452 4.2.2 mailbox full"}
        await ground.issue("disk.low", "will_stop")
        for _ in range(4):
            await ground.round()
            await ground.pass_time(15)
    assert [mail["to"] for mail in box.mails].count("igor@crew.local") == 6, "each of three twice"


async def test_a_copy_that_nobody_takes_is_not_sent_again(ground: Ground) -> None:
    with mail_server() as box:
        box.answers = {"gone@crew.local": "550 5.1.1 nobody of that name"}
        await ground.add(
            f"mailto://127.0.0.1:{box.port}?from=box@booth.local&to=igor@crew.local&cc=gone@crew.local"
        )
        await ground.issue("disk.low", "will_stop")
        assert await ground.round() == [("opened", True)]
    assert "550 5.1.1 nobody of that name" in (await ground.channels.view()).messages[0].answer
