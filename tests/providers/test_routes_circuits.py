"""A route that keeps failing is left alone where there is another way, and only there."""

from __future__ import annotations

import asyncio
from pathlib import Path

from appliance.providers.breaker import FAILURES_TO_OPEN
from tests.providers.routes import FLASH, SIZED, Engine, engine
from tests.standins import Script

NAME = f"gemini/{FLASH}"


def break_circuit(at: Engine) -> None:
    """As if photos before had failed."""
    for _ in range(FAILURES_TO_OPEN):
        at.runner.circuits.of(NAME).failed("http_503")


async def test_five_booths_that_meet_the_same_hiccup_all_get_their_pictures(tmp_path: Path) -> None:
    async with engine(tmp_path, Script(["unavailable"] * 5)) as at:
        ends = await asyncio.gather(*(at.photo(at.route(), seconds=20) for _ in range(5)))
        assert [attempts[-1] for attempts in ends] == ["delivered"] * 5


async def test_an_open_circuit_does_not_stop_the_only_route(tmp_path: Path) -> None:
    async with engine(tmp_path, Script()) as at:
        break_circuit(at)
        assert await at.photo(at.route()) == ["delivered"]
        assert at.runner.circuits.of(NAME).state == "closed"


async def test_an_open_circuit_does_not_stop_the_last_route(tmp_path: Path) -> None:
    async with engine(tmp_path, Script(["refused"])) as at:
        break_circuit(at)
        assert await at.photo(at.route(SIZED), at.route()) == ["IMAGE_SAFETY", "delivered"]


async def test_a_route_with_an_open_circuit_is_skipped_where_another_follows(tmp_path: Path) -> None:
    async with engine(tmp_path, Script()) as at:
        break_circuit(at)
        assert await at.photo(at.route(), at.route(SIZED)) == ["circuit_open", "delivered"]
        assert at.gemini.pictures_asked() == 1


async def test_a_photo_that_fails_again_and_again_counts_once(tmp_path: Path) -> None:
    async with engine(tmp_path, Script(then="unavailable")) as at:
        assert len(await at.photo(at.route(), seconds=15)) > 2
        assert at.runner.circuits.of(NAME).failures == 1
