"""The suite's real stack: Postgres, Nginx, the app and the cleanup loop, started once."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest

from tests.standins import (
    Script,
    StandIn,
    Step,
    bfl_app,
    comfyui_app,
    fal_app,
    gemini_app,
    openai_app,
    running,
    turbotext_app,
)
from tests.support.camera import Camera, Shot
from tests.support.keys import no_keys
from tests.support.logins import Logins, add_account, client_at, make_first_passwords_quick
from tests.support.photos import portrait_jpeg
from tests.support.stack import Stack, free_port, running_stack

Change = Callable[..., Awaitable[None]]
Noticed = Callable[[], Awaitable[None]]
# The same input each time and nothing kept: a red run is red again. How long an example takes says
# nothing on a busy machine.
hypothesis.settings.register_profile("suite", database=None, deadline=None, derandomize=True)
hypothesis.settings.load_profile("suite")
pytest_plugins = [
    "tests.support.app_processes",
    "tests.support.disk",
    "tests.support.figures",
    "tests.support.http_clients",
    "tests.support.installed",
    "tests.support.screens",
    "tests.support.verdict",
    "tests.support.workers",
]


PROVIDERS: dict[str, Callable[..., StandIn]] = {
    "bfl": bfl_app,
    "comfyui": comfyui_app,
    "fal": fal_app,
    "gemini": gemini_app,
    "openai": openai_app,
    "turbotext": turbotext_app,
}


@pytest.fixture(scope="session")
def provider_ports() -> dict[str, int]:
    """Where the providers' stand-ins listen; the stack is told before they are started."""
    return {name: free_port() for name in PROVIDERS}


@pytest.fixture(scope="session")
def stack(
    tmp_path_factory: pytest.TempPathFactory,
    provider_ports: dict[str, int],
    app_processes: int,
    note_errors: Callable[[Path], None],
) -> Iterator[Stack]:
    """The whole appliance, freshly installed, its providers reached at the stand-ins."""
    urls = ",".join(f"{name}=http://127.0.0.1:{port}" for name, port in provider_ports.items())
    folder = tmp_path_factory.mktemp("appliance")
    own = {"PHOTOCHANGER_PROVIDER_BASE_URLS": urls, "PHOTOCHANGER_MODEL_CHECK_HOUR": "-1"}
    with running_stack(folder, processes=app_processes, **own) as started:
        asyncio.run(make_first_passwords_quick(started))
        for name in PROVIDERS:
            started.set_keys(name, f"{name}-key-0001")
        yield started
    note_errors(folder / "logs")


@pytest.fixture(scope="session")
async def _standins(provider_ports: dict[str, int]) -> AsyncIterator[dict[str, StandIn]]:
    async with AsyncExitStack() as servers:
        made = {}
        for name, port in provider_ports.items():
            server = await servers.enter_async_context(running(PROVIDERS[name](), port=port))
            made[name] = server.standin
        yield made


@pytest.fixture
def standins(_standins: dict[str, StandIn], stack: Stack) -> Iterator[dict[str, StandIn]]:
    """The providers' stand-ins, playing no script, remembering no call and no refused key.

    A test during which a route failed so often that it is left alone has to have it deliver again: for half
    a minute the tests after it would meet its fallback.
    """
    plain = Script()
    for name, standin in _standins.items():
        standin.script, standin.seconds, standin.keys, standin.probes = plain, 0.0, None, Step()
        standin.calls.clear()
        standin.revoked.clear()
        stack.set_keys(name, f"{name}-key-{secrets.token_hex(4)}")
    yield _standins
    if any(standin.script is not plain for standin in _standins.values()):
        assert "photochanger_circuit_open{" not in stack.metrics()


@pytest.fixture
def gemini(standins: dict[str, StandIn]) -> StandIn:
    """Gemini's stand-in."""
    return standins["gemini"]


@pytest.fixture
async def no_provider_keys(
    stack: Stack, admin: httpx.AsyncClient, standins: dict[str, StandIn]
) -> AsyncIterator[None]:
    """No provider has a key; afterwards each has one in a file."""
    async with no_keys(stack, admin):
        yield


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


@pytest.fixture(scope="session")
def logins(stack: Stack) -> Logins:
    """Access tokens of the suite's accounts."""
    return Logins(stack)


@pytest.fixture
async def admin(stack: Stack, logins: Logins) -> AsyncIterator[httpx.AsyncClient]:
    """A client through Nginx, logged in as the administrator ``serg``."""
    token = await logins.token("serg", stack.report["passwords"]["accounts"]["serg"])
    async with client_at(stack, token=token) as made:
        yield made


@pytest.fixture
async def viewer(stack: Stack, logins: Logins) -> AsyncIterator[httpx.AsyncClient]:
    """A client through Nginx, logged in as somebody who may only look."""
    await add_account(stack, "vera", "vera looks only", "viewer")
    async with client_at(stack, token=await logins.token("vera", "vera looks only")) as made:
        yield made


@asynccontextmanager
async def _changed_slot(stack: Stack, slot_id: str, values: dict[str, Any]) -> AsyncIterator[None]:
    names = ", ".join(values)
    marks = ", ".join(f"${number}" for number in range(2, len(values) + 2))
    async with stack.database() as db:
        before = await db.fetchrow(f"select {names} from slot where slot_id = $1", slot_id)
        statement = f"update slot set ({names}) = row({marks}) where slot_id = $1"
        # The history's entry for the version that is changed here would speak of other values.
        forget = (
            "delete from slot_version v using slot s"
            " where s.slot_id = $1 and v.slot_id = s.slot_id and v.version >= s.version"
        )
        await db.execute(statement, slot_id, *values.values())
        await db.execute(forget, slot_id)
        try:
            yield
        finally:
            await db.execute(statement, slot_id, *before.values())
            await db.execute(forget, slot_id)


@pytest.fixture
async def slot(stack: Stack) -> AsyncIterator[Change]:
    """``await slot("slot-001", active=False)``: changes a slot until the test ends."""
    async with AsyncExitStack() as changes:

        async def change(slot_id: str, **values: Any) -> None:
            await changes.enter_async_context(_changed_slot(stack, slot_id, values))

        yield change


@pytest.fixture
def noticed(stack: Stack, logins: Logins) -> Noticed:
    """``await noticed()``: what was written into the database past the app counts for guests from now on;
    by itself it would within a second. Any change through the app will do, and this one changes nothing.
    """

    async def ask() -> None:
        token = await logins.token("serg", stack.report["passwords"]["accounts"]["serg"])
        reader, writer = await stack.connection_to_app()
        head = f"POST /api/settings/ingest-password/suggest HTTP/1.1\r\nAuthorization: Bearer {token}\r\n"
        writer.write(f"{head}Host: app\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 200 "), answer

    return ask


@asynccontextmanager
async def _changed_setting(stack: Stack, key: str, value: Any, noticed: Noticed) -> AsyncIterator[None]:
    async with stack.database() as db:
        raw = "select value::text from app_settings where key = $1"
        before = await db.fetchval(raw, key)
        await db.execute("update app_settings set value = $2 where key = $1", key, value)
        await noticed()
        try:
            yield
        finally:
            await db.execute("update app_settings set value = $2::text::jsonb where key = $1", key, before)
            await noticed()


@pytest.fixture
async def setting(stack: Stack, noticed: Noticed) -> AsyncIterator[Change]:
    """``await setting("result_ttl_hours", 1)``: changes a setting until the test ends."""
    async with AsyncExitStack() as changes:

        async def change(key: str, value: Any) -> None:
            await changes.enter_async_context(_changed_setting(stack, key, value, noticed))

        yield change


@pytest.fixture
def no_trace(stack: Stack) -> Callable[[], Awaitable[bool]]:
    """Asks whether no upload's file and no pending job is left."""

    async def ask() -> bool:
        pending = await stack.value("select count(*) from job_history where status = 'pending'")
        return not stack.temp_files() and pending == 0

    return ask
