"""Work whose waiters have gone may fail without a word: nothing is 'never retrieved'. Who has work end may go
before it has.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from appliance.core.clock import Deadline
from appliance.core.tasks import Background, to_its_end
from appliance.core.threads import finish_in_thread
from appliance.media.imaging import Imaging, Photo, PhotoInfo
from appliance.media.previews import Previews, square
from appliance.media.store import MediaStore
from appliance.providers.attempts import Attempt, Delivery
from appliance.providers.base import EditedImage, ProviderUnreachable
from appliance.providers.failover import ProviderLine
from appliance.providers.routes import EditPlan, Route
from appliance.providers.runner import EditJob, RouteRunner
from tests.providers.photos import photo_in
from tests.providers.routes import engine
from tests.standins import Script
from tests.support.waiting import until


@pytest.fixture
async def complaints() -> AsyncIterator[list[str]]:
    """What asyncio had to complain about."""
    found: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: found.append(context["message"]))
    yield found
    loop.set_exception_handler(None)


async def given_up(work: Coroutine[Any, Any, object], *, when: Callable[[], object]) -> None:
    """Begin ``work``, cancel who waits for it, then do ``when``, and let everything come to its end."""
    before = asyncio.all_tasks()
    waiting = asyncio.create_task(work)
    await until(lambda: len(asyncio.all_tasks()) >= len(before) + 2, every=0)  # it waits for another one
    waiting.cancel()
    when()
    while others := asyncio.all_tasks() - before:
        await asyncio.wait(others)
    del waiting
    gc.collect()
    await asyncio.sleep(0)


def fails_after(told: threading.Event) -> None:
    """Work that fails once it is told to."""
    told.wait(5)
    raise OSError("the disk is gone")


async def test_file_work_that_fails_after_the_booth_hung_up_is_no_error(complaints: list[str]) -> None:
    told = threading.Event()
    await given_up(finish_in_thread(fails_after, told), when=told.set)
    assert complaints == []


async def test_a_photo_that_goes_while_a_cancelled_route_prepares_it_is_no_error(
    complaints: list[str], tmp_path: Path
) -> None:
    imaging, told = Imaging(workers=1), threading.Event()
    blocked = asyncio.create_task(imaging.run(0, told.wait, 5))
    gone = tmp_path / "gone"
    await given_up(Photo(gone, PhotoInfo("image/jpeg", 1, 1), imaging).encoded(None), when=told.set)
    await blocked
    imaging.close()
    assert complaints == []


async def test_a_preview_that_fails_after_its_page_was_left_is_no_error(
    complaints: list[str], tmp_path: Path
) -> None:
    media, imaging = MediaStore(tmp_path), Imaging()
    media.make_folders()
    asked = Previews(media, imaging).ready("previews/x.webp", "results/gone.jpg", square)
    await given_up(asked, when=lambda: None)
    imaging.close()
    assert complaints == []


class TwoRoutes(RouteRunner):
    """The first route delivers at once, the second one fails while it is being stopped."""

    async def run(self, job: EditJob, route: Route, *, last_chance: bool) -> Delivery:
        if not last_chance:
            await asyncio.sleep(0.01)
            attempt = Attempt.begin(route, None, job.deadline)
            return Delivery(route, attempt, EditedImage(b"x", "image/jpeg", 1, 1))
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            raise ProviderUnreachable("reset", "") from None
        raise AssertionError("nobody stopped it")

    def expected(self, route: Route, share: float) -> float:
        del route, share
        return 0.0


async def test_a_route_that_fails_because_another_won_is_no_error(
    complaints: list[str], tmp_path: Path
) -> None:
    async with engine(tmp_path, Script()) as at:
        runner = TwoRoutes(at.runner.registry, at.runner.keys, at.runner.timings, at.runner.circuits)
        job = EditJob(
            plan=EditPlan("job-1", (at.route(), at.route()), hedge=True),
            photo=photo_in(tmp_path),
            deadline=Deadline.after(5),
            permits=lambda _provider, _deadline: nullcontext(),
            attempts=[],
        )
        await ProviderLine(runner).edit(job)
        del job, runner
    gc.collect()
    assert complaints == []


async def test_a_look_goes_on_to_its_end_where_its_listener_goes() -> None:
    begun, go, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def look() -> None:
        begun.set()
        await go.wait()
        ended.set()

    listener = asyncio.create_task(to_its_end(look()))
    await begun.wait()
    listener.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listener
    go.set()
    async with asyncio.timeout(5):
        await ended.wait()


class LongEnding(Background):
    """Work that takes its time to end."""

    def __init__(self) -> None:
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()

    async def work(self) -> None:
        self.begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            await self.may_end.wait()


async def test_who_waits_for_background_work_to_end_can_be_cancelled() -> None:
    background = LongEnding()
    background.start()
    await background.begun.wait()
    stopping = asyncio.create_task(background.stop())
    await asyncio.sleep(0)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    background.may_end.set()
    await background.stop()
