"""What is loaded when it is first asked for."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from appliance.core.on_demand import OnDemand


class _Made:
    """Counts how often the application was made; ``broken`` is what comes of it instead."""

    def __init__(self) -> None:
        self.times = 0
        self.broken: Exception | None = None

    def __call__(self) -> ASGIApp:
        self.times += 1
        if self.broken:
            raise self.broken
        return self._answer

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("here")(scope, receive, send)


async def _ask(app: ASGIApp) -> str:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://appliance") as client:
        return (await client.get("/")).text


@pytest.fixture
def made() -> _Made:
    return _Made()


async def test_it_is_made_once_for_all_who_ask_at_the_same_time(made: _Made) -> None:
    app = OnDemand(made)
    assert made.times == 0
    assert await asyncio.gather(*(_ask(app) for _ in range(5))) == ["here"] * 5
    assert await _ask(app) == "here"
    assert made.times == 1


async def test_what_could_not_be_made_is_tried_again_for_the_next_one(made: _Made) -> None:
    app = OnDemand(made)
    made.broken = OSError("too many open files")
    with pytest.raises(OSError, match="too many"):
        await _ask(app)
    made.broken = None
    assert await _ask(app) == "here"


async def test_who_goes_away_meanwhile_leaves_it_to_the_others(made: _Made) -> None:
    app = OnDemand(made)
    first = asyncio.create_task(_ask(app))
    await asyncio.sleep(0)
    first.cancel()
    assert await _ask(app) == "here"
    assert made.times == 1


@pytest.fixture(autouse=True)
def _collector_as_before() -> Iterator[None]:
    """The garbage collector works as often as before: what was loaded changes that."""
    threshold = gc.get_threshold()
    yield
    gc.set_threshold(*threshold)
