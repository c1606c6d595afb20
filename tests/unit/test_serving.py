"""How the app's server is set up."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI

from appliance.core.serving import serve
from appliance.core.threads import TURN


@pytest.fixture
def _as_before() -> Iterator[None]:
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_as_before")
def test_the_threads_of_photos_have_their_turn_soon_whatever_the_loop_has_to_do(tmp_path: Path) -> None:
    seen: list[float] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        seen.append(sys.getswitchinterval())
        raise RuntimeError("that is all")
        yield

    listen = {"uds": str(tmp_path / "app.sock")}
    assert not serve(FastAPI(lifespan=lifespan), asyncio.Event(), listen, ["127.0.0.1"])
    assert seen == [pytest.approx(TURN)]
