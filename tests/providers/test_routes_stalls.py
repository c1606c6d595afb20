"""A measured route that is much slower than usual: given up once, then believed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from appliance.providers.base import EncodedImage
from appliance.providers.comfyui.settings import WorkflowParams
from appliance.providers.models import RouteTiming
from appliance.providers.openai import settings as openai
from appliance.providers.route_clock import RouteClock, picture_is_back, request_goes_out
from appliance.providers.routes import Route
from appliance.providers.timings import ENOUGH
from tests.providers.photos import Photo, photo_in
from tests.providers.remote import WORKFLOW
from tests.providers.routes import FLASH, SIZED, engine
from tests.standins import Script, Step

LONGEST_MODEL = 80  # characters that a slot may name
QUICK = [0.2] * ENOUGH  # cut after two seconds


class SlowlyMade(Photo):
    """A photo that takes longer to be made ready than the provider may take: the machine is busy."""

    async def encoded(self, max_side: int | None, quality: int = 92) -> EncodedImage:
        await asyncio.sleep(2.3)
        return await super().encoded(max_side, quality)

    @classmethod
    def of(cls, folder: Path) -> Photo:
        usual = photo_in(folder)
        return cls(usual.path, usual.width, usual.height)


async def test_a_provider_that_has_become_slower_still_makes_the_picture(tmp_path: Path) -> None:
    async with engine(tmp_path, Script(then=Step("slow", seconds=2.5))) as at:
        at.runner.timings.remember(f"gemini/{FLASH}", QUICK)
        assert await at.photo(at.route(), seconds=15) == ["stalled", "delivered"]


async def test_a_provider_that_now_needs_most_of_the_deadline_is_asked_once(tmp_path: Path) -> None:
    async with engine(tmp_path, Script(then=Step("slow", seconds=4))) as at:
        at.runner.timings.remember(f"gemini/{FLASH}", [1.0] * ENOUGH)
        photos = await asyncio.gather(*(at.photo(at.route(), seconds=6) for _ in range(4)))
        assert photos == [["delivered"]] * 4
        assert len(at.gemini.calls) == 4


async def test_an_attempt_that_was_given_up_makes_the_next_photo_wait_longer(tmp_path: Path) -> None:
    async with engine(tmp_path, Script([Step("slow", seconds=30)], then=Step("slow", seconds=2.5))) as at:
        at.runner.timings.remember(f"gemini/{FLASH}", QUICK)
        assert await at.photo(at.route(), seconds=15) == ["stalled", "delivered"]
        assert at.runner.expected(at.route(), 0.95) >= 2
        assert await at.photo(at.route(), seconds=15) == ["delivered"]


async def test_what_we_do_before_the_request_goes_out_is_no_fault_of_the_provider(tmp_path: Path) -> None:
    async with engine(tmp_path, Script()) as at:
        at.runner.timings.remember(f"gemini/{FLASH}", QUICK)
        assert await at.photo(at.route(), seconds=15, of=SlowlyMade.of) == ["delivered"]
        assert len(at.gemini.calls) == 1
        assert at.runner.expected(at.route(), 0.95) < 2


async def test_a_stall_is_seen_also_after_a_photo_that_took_us_long(tmp_path: Path) -> None:
    async with engine(tmp_path, Script([Step("slow", seconds=30)])) as at:
        at.runner.timings.remember(f"gemini/{FLASH}", QUICK)
        assert await at.photo(at.route(), seconds=20, of=SlowlyMade.of) == ["stalled", "delivered"]


async def test_a_picture_that_has_come_is_not_given_up_while_we_look_at_it() -> None:
    clock = RouteClock(cut=0.05)
    async with clock.running():
        request_goes_out()
        picture_is_back()
        await asyncio.sleep(0.2)
    assert not clock.was_cut
    assert clock.seconds < 0.1


async def test_one_that_stands_in_a_queue_keeps_its_place_and_is_given_up_only_once_it_is_being_made() -> (
    None
):
    async def attempt() -> None:
        async with clock.running():
            request_goes_out()
            clock.queued(waiting=True)
            await asyncio.sleep(0.3)
            assert not clock.was_cut
            clock.queued(waiting=False)
            await asyncio.sleep(0.3)

    clock = RouteClock(cut=0.1)
    with pytest.raises(TimeoutError):
        await attempt()
    assert clock.was_cut
    assert 0.35 < clock.seconds < 0.6


async def test_a_picture_made_here_is_never_cut_and_timed_as_a_whole() -> None:
    clock = RouteClock(cut=0.05)
    async with clock.running():
        await asyncio.sleep(0.2)
    assert not clock.was_cut
    assert clock.seconds >= 0.2


async def test_a_large_picture_is_not_given_up_by_the_times_of_small_ones(tmp_path: Path) -> None:
    async with engine(tmp_path, Script(then=Step("slow", seconds=2.5))) as at:
        at.runner.timings.remember(at.route(SIZED).timed_as, QUICK)
        assert await at.photo(at.route(SIZED, image_size="4K"), seconds=15) == ["delivered"]


def test_the_times_of_one_comfyui_workflow_say_nothing_of_another() -> None:
    def name(workflow: str = WORKFLOW, **changes: Any) -> str:
        params = WorkflowParams(workflow=workflow, **changes)
        return Route("comfyui", "workflow", None, params).timed_as

    assert name() == name(prompt="other words", seed=7)
    assert len({name(), name(WORKFLOW.replace("euler", "ddim")), name(values='{"3.steps": 40}')}) == 3


def test_the_name_of_a_routes_times_fits_its_column() -> None:
    params = openai.ImageEditParams(prompt="a", size="1536x1024", quality="medium")
    longest = Route("openai", "image_edit", "m" * LONGEST_MODEL, params).timed_as
    assert longest.endswith(" size=1536x1024 quality=medium")
    assert len(longest) <= RouteTiming.__table__.c.route.type.length
