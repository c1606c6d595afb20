"""Processes are killed in the middle of photos; everything comes back without help."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest

from tests.container.stack import SERVICES, ContainerStack, allowed
from tests.support.camera import Reply
from tests.support.photos import camera_jpeg_24mp, portrait_jpeg
from tests.support.waiting import until


async def photos_while(box: ContainerStack, break_it: list[int], sign: signal.Signals) -> float:
    """Send photos, break something in the middle, wait until everything works again: for how many seconds."""
    shot = box.shot(camera_jpeg_24mp())
    shots = [asyncio.create_task(box.camera.post("/api/ingest/slot-003?reply=json", shot)) for _ in range(2)]
    await until(lambda: asyncio.to_thread(box.pending), seconds=20)
    for pid in break_it:
        os.kill(pid, sign)
    began = time.monotonic()
    answers: list[Reply | BaseException] = await asyncio.gather(*shots, return_exceptions=True)
    for answer in answers:  # an answer in our form, a picture, or a connection that broke
        assert not isinstance(answer, Reply) or answer.status in (200, 500, 502, 503), answer.body
    await asyncio.to_thread(box.wait_until_ready)
    return time.monotonic() - began


async def assert_it_works(box: ContainerStack) -> None:
    """A photo becomes a picture, and no job stays pending."""
    reply = await box.camera.post("/api/ingest/slot-001?reply=json", box.shot(portrait_jpeg()))
    assert reply.status == 200, reply.body
    await until(lambda: box.pending() == 0, seconds=20, every=0.5)


async def test_a_killed_app_is_back_in_five_seconds(box: ContainerStack) -> None:
    away = await photos_while(box, [box.app_pid()], signal.SIGKILL)
    assert away < allowed(5)
    await assert_it_works(box)


async def test_an_app_that_hangs_is_killed_and_back_in_five_seconds(box: ContainerStack) -> None:
    pid = box.app_pid()
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    await until(lambda: box.is_ready() and box.app_pid() != pid, seconds=40)
    assert time.monotonic() - began < allowed(7)  # is_ready itself waits for up to 2 s
    await assert_it_works(box)


async def test_an_app_past_its_memory_ceiling_is_started_anew_and_loses_no_photo(box: ContainerStack) -> None:
    # Less than it takes: it is to end whenever no photo is in flight.
    box.set(APP_MEMORY_CEILING_MB="60")
    try:
        box.compose("up", "--detach", "app")
        shot, heard, away = box.shot(camera_jpeg_24mp()), [], []
        end = time.monotonic() + 60
        while heard.count(200) < 2:
            assert time.monotonic() < end, f"{heard}: {box.logs()}"
            away.append(await asyncio.to_thread(box.wait_until_ready))
            reply = await box.camera.post("/api/ingest/slot-003?reply=json", shot)
            heard.append(reply.status)
            assert reply.status == 200 or int(reply.headers["retry-after"]) > 0
        assert set(heard) <= {200, 503}
        await until(lambda: "watch.too_large" in box.compose("logs", "--no-color", "app"), seconds=60)
        assert sorted(away)[len(away) // 2] < allowed(5)
    finally:
        box.set(APP_MEMORY_CEILING_MB="")
        box.compose("up", "--detach", "--wait")
    await assert_it_works(box)


@pytest.mark.parametrize("service", ["db", "nginx", "cleanup"])
async def test_a_killed_container_comes_back(box: ContainerStack, service: str) -> None:
    await photos_while(box, [box.pid(service)], signal.SIGKILL)
    await assert_it_works(box)


async def test_all_containers_killed_at_once_come_back(box: ContainerStack) -> None:
    await photos_while(box, [box.pid(service) for service in SERVICES], signal.SIGKILL)
    await assert_it_works(box)


async def test_stopping_finishes_the_photo_in_flight(box: ContainerStack) -> None:
    shot = box.shot(camera_jpeg_24mp())
    sent = asyncio.create_task(box.camera.post("/api/ingest/slot-003?reply=json", shot))
    await until(lambda: asyncio.to_thread(box.pending), seconds=20)
    await asyncio.to_thread(box.compose, "stop", "app")
    reply = await sent
    assert reply.status == 200, reply.body
    closed = await box.camera.post("/api/ingest/slot-001?reply=json", box.shot_with("any", portrait_jpeg()))
    assert closed.status == 503
    assert int(closed.headers["retry-after"]) > 0
    await asyncio.to_thread(box.compose, "start", "app")
    await asyncio.to_thread(box.wait_until_ready)
    await assert_it_works(box)
