"""The suite's real stack: Postgres, Nginx, the app and the cleanup loop, started once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.support.camera import Camera, Shot
from tests.support.photos import portrait_jpeg
from tests.support.stack import Stack, running_stack

Change = Callable[..., Awaitable[None]]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole appliance, freshly installed."""
    with running_stack(tmp_path_factory.mktemp("appliance")) as running:
        yield running


@pytest.fixture(scope="session")
def password(stack: Stack) -> str:
    """The ingest password in force."""
    found: str = stack.report["passwords"]["ingest"]
    return found


@pytest.fixture
def camera(stack: Stack) -> Camera:
    """A booth that posts through Nginx."""
    return Camera(stack.port)


@pytest.fixture
def shot(password: str) -> Shot:
    """The captured request with a real portrait."""
    return Shot(portrait_jpeg(), password)


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A plain HTTP client through Nginx."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=70, trust_env=False) as made:
        yield made


@asynccontextmanager
async def _changed_slot(stack: Stack, slot_id: str, values: dict[str, Any]) -> AsyncIterator[None]:
    names = ", ".join(values)
    marks = ", ".join(f"${number}" for number in range(2, len(values) + 2))
    async with stack.database() as db:
        before = await db.fetchrow(f"select {names} from slot where slot_id = $1", slot_id)
        statement = f"update slot set ({names}) = row({marks}) where slot_id = $1"
        await db.execute(statement, slot_id, *values.values())
        try:
            yield
        finally:
            await db.execute(statement, slot_id, *before.values())


@pytest.fixture
async def slot(stack: Stack) -> AsyncIterator[Change]:
    """``await slot("slot-001", active=False)``: changes a slot until the test ends."""
    async with AsyncExitStack() as changes:

        async def change(slot_id: str, **values: Any) -> None:
            await changes.enter_async_context(_changed_slot(stack, slot_id, values))

        yield change


@asynccontextmanager
async def _changed_setting(stack: Stack, key: str, value: Any) -> AsyncIterator[None]:
    async with stack.database() as db:
        before = await db.fetchval("select value from app_settings where key = $1", key)
        await db.execute("update app_settings set value = $2 where key = $1", key, value)
        try:
            yield
        finally:
            await db.execute("update app_settings set value = $2 where key = $1", key, before)


@pytest.fixture
async def setting(stack: Stack) -> AsyncIterator[Change]:
    """``await setting("result_ttl_hours", 1)``: changes a setting until the test ends."""
    async with AsyncExitStack() as changes:

        async def change(key: str, value: Any) -> None:
            await changes.enter_async_context(_changed_setting(stack, key, value))

        yield change


@pytest.fixture
def no_trace(stack: Stack) -> Callable[[], Awaitable[bool]]:
    """Asks whether no upload's file and no pending job is left."""

    async def ask() -> bool:
        pending = await stack.value("select count(*) from job_history where status = 'pending'")
        return not stack.temp_files() and pending == 0

    return ask
