"""The nightly look: which of the models in use the providers still have, kept with its date."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.encryption import EncryptionKeys
from appliance.housekeeping.model_check import NEVER, ModelCheck, seconds_until
from appliance.providers.breaker import Circuits
from appliance.providers.keys import KeyFiles, KeyRing
from appliance.providers.learned import LearnedModels
from appliance.providers.model_facts import ModelFacts
from appliance.providers.registry import ProviderRegistry
from appliance.providers.runner import RouteRunner
from appliance.providers.stored_keys import AllKeys, StoredKeys
from appliance.providers.timings import RouteTimings
from appliance.settings.operator import OperatorSettings
from tests.conftest import Change
from tests.standins import StandIn, Step
from tests.support.slots import with_gemini
from tests.support.stack import Stack
from tests.support.waiting import until

SLOT, MODEL, OF_OPENAI = "slot-015", "gemini-3.1-flash-lite-image", "gpt-image-2.5-sunburst"
MINE = {("gemini", MODEL), ("openai", OF_OPENAI)}


@pytest.fixture
async def check(
    stack: Stack, database: Database, standins: dict[str, StandIn], slot: Change
) -> AsyncIterator[Any]:
    """``check(…)``: the look as a second process of the appliance would do it, with one slot of its own."""
    await slot(SLOT, **with_gemini(model=MODEL, fallbacks=[{
        "provider": "openai", "operation": "image_edit", "model": OF_OPENAI, "params": {"prompt": "a hero"}
    }]))  # fmt: skip
    urls = {name: standin.base_url for name, standin in standins.items()}
    registry = ProviderRegistry(OperatorSettings(), urls)
    stored = StoredKeys(database, EncryptionKeys(stack.data / "secrets"))
    keys, learned = (
        KeyRing(AllKeys(stored, KeyFiles(stack.data / "secrets"), registry)),
        LearnedModels(database),
    )
    runner = RouteRunner(registry, keys, RouteTimings(database), Circuits(), learned)

    @asynccontextmanager
    async def checking(hour: int = 3, after_start: float = 0.0) -> AsyncIterator[ModelCheck]:
        made = ModelCheck(database, runner, hour, after_start=after_start)
        try:
            yield made
        finally:
            await made.aclose()
            await learned.written()

    async with stack.database() as db:
        await db.execute("delete from model_fact where model in ($1, $2)", MODEL, OF_OPENAI)
    yield checking
    async with stack.database() as db:
        await db.execute("delete from model_fact where model in ($1, $2)", MODEL, OF_OPENAI)
    await learned.aclose()
    await stored.aclose()
    await registry.aclose()


async def facts(stack: Stack) -> dict[str, Any]:
    async with stack.database() as db:
        rows = await db.fetch("select * from model_fact where model in ($1, $2)", MODEL, OF_OPENAI)
    return {row["model"]: row for row in rows}


async def test_a_look_keeps_what_each_provider_says_of_the_models_in_use_with_its_date(
    check: Any, stack: Stack, standins: dict[str, StandIn]
) -> None:
    last = utcnow().date() + timedelta(days=20)
    standins["openai"].announce(OF_OPENAI, last)
    standins["gemini"].retire(MODEL)
    try:
        async with check() as look:
            found = await look.look(MINE)
    finally:
        standins["openai"].announce(OF_OPENAI, None)
        standins["gemini"].announce(MODEL, None)
    assert (found.there, found.gone) == ((("openai", OF_OPENAI),), (("gemini", MODEL),))
    kept = await facts(stack)
    assert (kept[MODEL]["there"], kept[OF_OPENAI]["there"]) == (False, True)
    assert kept[OF_OPENAI]["ends_on"] == last
    assert utcnow() - kept[MODEL]["said_at"] < timedelta(minutes=1)
    assert sum(standin.pictures_asked() for standin in standins.values()) == 0


async def test_a_model_that_one_of_two_keys_gets_is_there(
    check: Any, stack: Stack, standins: dict[str, StandIn]
) -> None:
    gemini = standins["gemini"]
    stack.set_keys("gemini", "refused-key-0001", "accepted-key-0002")
    gemini.revoked.add("refused-key-0001")
    async with check() as look:
        assert (await look.look({("gemini", MODEL)})).there == (("gemini", MODEL),)


async def test_what_could_not_be_asked_for_is_told_and_nothing_is_learned_of_it(
    check: Any, stack: Stack, standins: dict[str, StandIn]
) -> None:
    standins["gemini"].probes = Step("unavailable")
    async with check() as look:
        assert (await look.look({("gemini", MODEL)})).untold == (("gemini", MODEL),)
    assert await facts(stack) == {}


async def test_a_provider_without_a_key_is_not_asked(
    check: Any, stack: Stack, standins: dict[str, StandIn]
) -> None:
    stack.set_keys("openai")
    async with check() as look:
        found = await look.look(MINE)
    assert found.there == (("gemini", MODEL),)
    assert standins["openai"].calls == []


async def test_it_looks_by_itself_a_while_after_the_start(check: Any, stack: Stack) -> None:
    async with check() as look:
        look.start()

        async def both_kept() -> bool:
            return set(await facts(stack)) == {MODEL, OF_OPENAI}

        await until(both_kept)


@pytest.mark.parametrize(("hour", "started"), [(NEVER, False), (3, True)])
async def test_it_looks_by_itself_only_where_an_hour_is_set(check: Any, hour: int, started: bool) -> None:
    async with check(hour, after_start=3600.0) as look:
        look.start()
        assert look.started is started


@pytest.mark.parametrize(
    ("now", "seconds"),
    [("2026-11-26T01:30", 5400), ("2026-11-26T03:00", 86_400), ("2026-11-26T23:00", 4 * 3600)],
)
def test_the_night_is_that_of_the_machines_own_zone(now: str, seconds: int) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=ZoneInfo("Asia/Almaty"))
    assert seconds_until(3, at) == seconds


async def test_an_older_word_of_a_provider_that_is_written_late_does_not_win(
    stack: Stack, database: Database
) -> None:
    place = ("gemini", "of-two-processes")
    first, second, restarted = (LearnedModels(database) for _ in range(3))
    first.heard(*place, ModelFacts(there=False))
    second.heard(*place, ModelFacts(there=True))
    await second.written()
    await first._write(place)  # as where it had to wait for the database
    await restarted.load()
    found = restarted.of(*place)
    async with stack.database() as db:
        await db.execute("delete from model_fact where model = $1", place[1])
    assert found
    assert found.there
