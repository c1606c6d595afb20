"""A measured route that is much slower than usual: given up once, then believed."""

from __future__ import annotations

from pathlib import Path

from appliance.providers.models import RouteTiming
from appliance.providers.openai import settings as openai
from appliance.providers.routes import Route
from appliance.providers.timings import ENOUGH
from tests.providers.routes import FLASH, SIZED, engine
from tests.standins import Script, Step

LONGEST_MODEL = 80  # characters that a slot may name
QUICK = [0.2] * ENOUGH  # cut after two seconds


async def test_a_provider_that_has_become_slower_still_makes_the_picture(tmp_path: Path) -> None:
    async with engine(tmp_path, Script(then=Step("slow", seconds=2.5))) as at:
        at.runner.timings.remember(f"gemini/{FLASH}", QUICK)
        assert await at.photo(at.route(), seconds=15) == ["stalled", "delivered"]


async def test_an_attempt_that_was_given_up_makes_the_next_photo_wait_longer(tmp_path: Path) -> None:
    async with engine(tmp_path, Script([Step("slow", seconds=30)], then=Step("slow", seconds=2.5))) as at:
        at.runner.timings.remember(f"gemini/{FLASH}", QUICK)
        assert await at.photo(at.route(), seconds=15) == ["stalled", "delivered"]
        assert at.runner.expected(at.route(), 0.95) >= 2
        assert await at.photo(at.route(), seconds=15) == ["delivered"]


async def test_a_large_picture_is_not_given_up_by_the_times_of_small_ones(tmp_path: Path) -> None:
    async with engine(tmp_path, Script(then=Step("slow", seconds=2.5))) as at:
        at.runner.timings.remember(at.route(SIZED).timed_as, QUICK)
        assert await at.photo(at.route(SIZED, image_size="4K"), seconds=15) == ["delivered"]


def test_the_name_of_a_routes_times_fits_its_column() -> None:
    params = openai.ImageEditParams(prompt="a", size="1536x1024", quality="medium")
    longest = Route("openai", "image_edit", "m" * LONGEST_MODEL, params).timed_as
    assert longest.endswith(" size=1536x1024 quality=medium")
    assert len(longest) <= RouteTiming.__table__.c.route.type.length
