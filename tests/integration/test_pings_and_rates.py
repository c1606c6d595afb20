"""The dead man's switch, and rates that are issues."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.settings.operator import OperatorSettings
from appliance.staff.alerts.alive import AliveSignal, reported
from appliance.staff.issues.periods import EVENT, Period, Periods
from appliance.staff.issues.sources.rates import RecentPhotos, photo_findings, rates_source, silence_findings
from tests.support.receivers import receiving
from tests.support.stack import Stack, free_port
from tests.support.webhooks import Ground, ground_of

NOW = utcnow()


@pytest.fixture
async def ground(stack: Stack, tmp_path: Path) -> AsyncIterator[Ground]:
    async with ground_of(stack, "rates", tmp_path) as made:
        yield made


async def test_work_is_pinged_at_its_start_and_end_and_its_failure_is_told(ground: Ground) -> None:
    async def ends(code: int) -> int:
        return code

    async def breaks() -> int:
        raise OSError("no disk")

    with receiving() as web:
        await ground.put(alive_backup_url=f"http://{web.host}/ping/abc")
        assert await reported(ground.database, "backup", ends(0)) == 0
        assert await reported(ground.database, "backup", ends(1)) == 1
        with pytest.raises(OSError, match="no disk"):
            await reported(ground.database, "backup", breaks())
        assert await reported(ground.database, "cleanup", ends(0)) == 0, "it has no address"
    start, good, bad = "/ping/abc/start", "/ping/abc", "/ping/abc/fail"
    assert web.paths == [start, good, start, bad, start, bad]


async def test_a_ping_that_does_not_arrive_disturbs_nothing(ground: Ground) -> None:
    async def ends() -> int:
        return 0

    await ground.put(alive_cleanup_url=f"http://127.0.0.1:{free_port()}/x")
    assert await reported(ground.database, "cleanup", ends()) == 0
    gone = Database(ground.database.engine.url.set(port=free_port()))
    try:
        assert await reported(gone, "cleanup", ends()) == 0
    finally:
        await gone.aclose()


async def test_an_event_that_was_started_is_pinged_until_it_ends(ground: Ground) -> None:
    with receiving() as web:
        await ground.put(alive_event_url=f"http://{web.host}/event")
        signal = AliveSignal(ground.database)
        assert not await signal.beat()
        async with ground.database.session() as session:
            await Periods(session).put(EVENT, timedelta(hours=1), "serg")
        assert await signal.beat()
        async with ground.database.session() as session:
            await Periods(session).put(EVENT, timedelta(0), "serg")
        assert not await signal.beat()
    assert web.paths == ["/event"]


# Rates


@pytest.mark.parametrize(
    ("recent", "codes"),
    [
        (RecentPhotos(50, 2, 0.5), []),
        (RecentPhotos(50, 3, 0.5), ["photos.late"]),
        (RecentPhotos(19, 19, 0.99), []),
        (RecentPhotos(50, 0, 0.81), ["photos.slow"]),
        (RecentPhotos(50, 50, None), ["photos.late"]),
    ],
)
def test_too_many_failures_and_too_slow_photos_are_issues(recent: RecentPhotos, codes: list[str]) -> None:
    assert [one.code for one in photo_findings(recent, OperatorSettings())] == codes
    off = OperatorSettings(alert_late_percent=0, alert_deadline_percent=0)
    assert photo_findings(recent, off) == []


@pytest.mark.parametrize(("minutes_ago", "is_silent"), [(None, False), (5, False), (25, True)])
def test_booths_are_silent_once_an_event_ran_long_enough_without_a_photo(
    minutes_ago: int | None, is_silent: bool
) -> None:
    settings = OperatorSettings(alert_silent_minutes=20)
    began = NOW - timedelta(minutes=15 if minutes_ago is None else 60)
    last = None if minutes_ago is None else NOW - timedelta(minutes=minutes_ago)
    found = silence_findings(Period(began, NOW + timedelta(hours=1), "serg"), last, settings, NOW)
    assert bool(found) == is_silent


async def test_rates_are_read_from_the_photos_that_booths_posted(ground: Ground) -> None:
    for _ in range(20):
        await ground.job(timings={"total": 36_000})
    for number in range(3):
        await ground.job("failed" if number else "timeout")
    await ground.job(attempts=[{"provider": "gemini", "price": "12.5", "currency": "USD"}])
    await ground.put(alert_budget=12)
    async with ground.database.session() as session:
        await Periods(session).put(EVENT, timedelta(hours=1), "serg")
    found = {one.code: one for one in await rates_source(ground.database).look()}
    assert cast("Any", found["photos.late"].parameters) == {"late": 3, "photos": 24}
    assert found["photos.slow"].parameters["percent"] == 90
    assert found["budget.reached"].parameters["amount"] == 12.5
    assert set(found) == {"photos.late", "photos.slow", "budget.reached"}
