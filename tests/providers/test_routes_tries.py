"""How often a route is asked for one photo."""

from __future__ import annotations

from pathlib import Path

from tests.providers.routes import engine
from tests.standins import Script


async def test_pictures_that_cannot_be_decoded_are_bought_three_times_at_most(tmp_path: Path) -> None:
    async with engine(tmp_path, Script(then="broken_picture")) as at:
        assert await at.photo(at.route(), seconds=60) == ["undecodable_picture"] * 3


async def test_tries_that_cost_nothing_take_none_from_those_that_do(tmp_path: Path) -> None:
    async with engine(tmp_path, Script(["no_image", "no_image", "broken_picture", "broken_picture"])) as at:
        ends = await at.photo(at.route(), seconds=60)
        assert ends == ["NO_IMAGE"] * 2 + ["undecodable_picture"] * 2 + ["delivered"]
