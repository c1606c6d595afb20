"""A key at its limit rests for the model that said so; one that is refused or spent rests everywhere.

A refusal that is not of the key lets none rest.
"""

from __future__ import annotations

from pathlib import Path

import pytest

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
        await at.photo(at.route(SIZED))
        assert await at.photo(at.route(None)) == []
        assert at.gemini.pictures_asked() == 1


async def test_a_refused_key_is_refused_for_every_model(tmp_path: Path) -> None:
    async with engine(tmp_path, Script(["key_revoked"])) as at:
        await at.photo(at.route(FLASH))
        assert await at.photo(at.route(SIZED)) == []
        assert at.gemini.pictures_asked() == 1


NOT_OF_THE_KEY = ("location", "service_disabled", "billing", "suspended", "restricted_model", "denied")


@pytest.mark.parametrize("play", NOT_OF_THE_KEY)
async def test_a_refusal_that_is_not_of_the_key_lets_it_serve_the_next_photo(
    play: str, tmp_path: Path
) -> None:
    async with engine(tmp_path, Script([play])) as at:
        [reason] = await at.photo(at.route(FLASH))
        assert reason not in {"delivered", "keys_rest"}
        assert at.keys_at_rest() == []
        assert await at.photo(at.route(FLASH)) == ["delivered"]


@pytest.mark.parametrize("play", ["service_disabled", "billing", "suspended", "restricted_model"])
async def test_a_key_of_another_project_is_asked_at_once(play: str, tmp_path: Path) -> None:
    script = Script(by_key={"key-0001": [play] * 9})
    async with engine(tmp_path, script, ("key-0001", "key-0002")) as at:
        for _ in range(2):
            assert (await at.photo(at.route(FLASH)))[-1] == "delivered"
        assert at.keys_at_rest() == []


async def test_no_other_key_is_asked_where_the_place_is_refused(tmp_path: Path) -> None:
    async with engine(tmp_path, Script(then="location"), ("key-0001", "key-0002")) as at:
        assert await at.photo(at.route(FLASH)) == ["location_unsupported"]
        assert at.gemini.pictures_asked() == 1


async def test_an_account_that_google_has_limited_lets_its_key_rest(tmp_path: Path) -> None:
    limited = Step("finish", reason="PUP_LIMITED_DISABLED")
    async with engine(tmp_path, Script([limited]), ("key-0001", "key-0002")) as at:
        assert await at.photo(at.route(FLASH)) == ["PUP_LIMITED_DISABLED", "delivered"]
        assert at.keys_at_rest() == ["PUP_LIMITED_DISABLED"]
