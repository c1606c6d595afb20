"""A key at its limit rests for the model that said so; one that is refused or spent rests everywhere."""

from __future__ import annotations

from pathlib import Path

from tests.providers.routes import FLASH, SIZED, engine
from tests.standins import Script, Step


async def test_a_key_at_one_models_limit_serves_another_model_at_once(tmp_path: Path) -> None:
    async with engine(tmp_path, Script([Step("quota", retry_after=60)])) as at:
        assert await at.photo(at.route(FLASH), at.route(SIZED)) == ["RESOURCE_EXHAUSTED", "delivered"]


async def test_a_key_at_its_limit_rests_for_that_model(tmp_path: Path) -> None:
    async with engine(tmp_path, Script([Step("quota", retry_after=60)])) as at:
        await at.photo(at.route(FLASH), at.route(SIZED))
        assert await at.photo(at.route(FLASH), at.route(SIZED)) == ["delivered"]
        assert at.gemini.pictures_asked() == 3


async def test_a_route_that_names_no_model_shares_the_limit_of_the_usual_one(tmp_path: Path) -> None:
    async with engine(tmp_path, Script([Step("quota", retry_after=60)])) as at:
        await at.photo(at.route(FLASH))
        assert await at.photo(at.route(None)) == []
        assert at.gemini.pictures_asked() == 1


async def test_a_refused_key_is_refused_for_every_model(tmp_path: Path) -> None:
    async with engine(tmp_path, Script(["key_revoked"])) as at:
        await at.photo(at.route(FLASH))
        assert await at.photo(at.route(SIZED)) == []
        assert at.gemini.pictures_asked() == 1
