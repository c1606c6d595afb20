"""The local driver as a provider: its failures, its deadline, its threads."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pyvips

from appliance.core.clock import Deadline
from appliance.providers.base import Driver, EditRequest, ProviderPermanent
from appliance.providers.local import settings
from appliance.providers.local.driver import LOOKS, LocalDriver
from appliance.providers.local.work import Work, WorkStopped
from tests.providers.local_photos import FilePhoto, edit, portrait, save


@pytest.fixture
async def driver():
    made = LocalDriver(workers=2)
    yield made
    await made.aclose()


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> FilePhoto:
    return save(portrait().resize((1520, 2048)), tmp_path_factory.mktemp("guest") / "photo.jpg")


def request(photo: FilePhoto, look: str = "comic", **params: object) -> EditRequest:
    return EditRequest("job", photo, look, LOOKS[look][0].params(**params))


@pytest.mark.parametrize("kind", ["text", "cut", "missing"])
async def test_a_photo_that_cannot_be_decoded_is_a_permanent_failure(driver, photo, tmp_path, kind):
    path = tmp_path / "broken.jpg"
    if kind != "missing":
        path.write_bytes(b"no picture" * 50 if kind == "text" else photo.path.read_bytes()[:30000])
    with pytest.raises(ProviderPermanent) as failed:
        await edit(driver, FilePhoto(path), "glow")
    assert failed.value.reason == "undecodable_photo"
    assert str(tmp_path) not in str(failed.value)


async def test_an_unknown_look_is_a_permanent_failure(driver, photo):
    with pytest.raises(ProviderPermanent, match="unknown_operation"):
        await edit(driver, photo, "watercolour", settings.Glow())


async def test_parameters_of_another_look_are_a_permanent_failure(driver, photo):
    with pytest.raises(ProviderPermanent, match="wrong_params"):
        await edit(driver, photo, "comic", settings.Glow())


async def test_a_deadline_that_ends_midway_stops_the_picture_at_once(driver, photo):
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        await driver.edit(request(photo), Deadline.after(0.02))
    assert time.monotonic() - started < 1


async def test_no_picture_is_begun_after_its_deadline(driver):
    with pytest.raises(TimeoutError):  # a photo that is not there would be another failure
        await driver.edit(request(FilePhoto(Path("missing.jpg"))), Deadline.after(0))


async def test_pictures_in_line_behind_a_full_house_also_end_with_their_deadline(driver, photo):
    edits = [driver.edit(request(photo), Deadline.after(0.05)) for _ in range(6)]
    outcomes = await asyncio.gather(*edits, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [TimeoutError] * 6


async def test_a_cancelled_picture_is_cancelled_and_frees_its_place(driver, photo):
    running = [asyncio.ensure_future(driver.edit(request(photo), Deadline.after(30))) for _ in range(4)]
    await asyncio.sleep(0)
    for task in running:
        task.cancel()
    outcomes = await asyncio.gather(*running, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError] * 4
    assert (await driver.edit(request(photo, "duotone", max_side=700), Deadline.after(10))).height == 700


async def test_a_cancelled_picture_is_not_computed_to_its_end(driver, photo):
    running = asyncio.ensure_future(driver.edit(request(photo), Deadline.after(30)))
    await asyncio.sleep(0)
    (work,) = driver._running
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    with pytest.raises(WorkStopped):
        work.check()
    assert not driver._running


async def test_closing_the_driver_ends_what_is_running(photo):
    driver = LocalDriver(workers=1)
    running = asyncio.ensure_future(driver.edit(request(photo), Deadline.after(30)))
    await asyncio.sleep(0)
    await driver.aclose()
    with pytest.raises(TimeoutError):
        await running


def test_stopping_interrupts_a_picture_that_is_being_computed():
    work = Work("job", datetime.now(UTC))
    endless = pyvips.Image.gaussnoise(30000, 30000).gaussblur(20)
    endless.set_progress(True)
    endless.signal_connect("eval", lambda *_: work.stop())
    started = time.monotonic()
    with pytest.raises(pyvips.Error):
        work.render(endless)
    assert time.monotonic() - started < 5
    with pytest.raises(WorkStopped):
        work.render(pyvips.Image.black(1, 1))


async def test_eight_pictures_at_once_all_arrive_and_the_event_loop_stays_awake(driver, photo):
    gaps: list[float] = []

    async def pulse() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            gaps.append(time.monotonic() - before)

    watching = asyncio.ensure_future(pulse())
    jobs = [driver.edit(request(photo, look, max_side=700), Deadline.after(30)) for look in LOOKS]
    edited = await asyncio.gather(*jobs)
    watching.cancel()
    assert len(edited) == len(LOOKS) == 8
    assert all(picture.data.startswith(b"\xff\xd8\xff") for picture in edited)
    assert len(gaps) > 5
    assert max(gaps) < 1


async def test_pictures_made_together_equal_those_made_alone(driver, photo):
    wanted = [request(photo, look, max_side=700) for look in ("sketch", "vintage")]
    alone = [await driver.edit(one, Deadline.after(30)) for one in wanted]
    together = await asyncio.gather(*(driver.edit(one, Deadline.after(30)) for one in wanted))
    assert [picture.data for picture in together] == [picture.data for picture in alone]


def test_the_driver_needs_no_key_and_has_no_models():
    driver: Driver = LocalDriver()
    assert not driver.needs_key
    assert driver.models == ()
    assert set(driver.problems("glow", settings.Glow(), "some-model", frozenset())) == {"model"}
