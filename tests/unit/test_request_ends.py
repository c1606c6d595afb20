"""However a request fails, it ends with one whole answer, and the connection goes on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import structlog
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from starlette.types import ASGIApp

from appliance.core import error_handlers
from appliance.core.errors import ApplianceError
from appliance.core.middleware import RequestContext
from tests.support.stack import free_port
from tests.support.waiting import until


@pytest.fixture(autouse=True)
def _short_logs() -> Iterator[None]:
    """Failures are logged as plain events here; drawn with all their variables, one can take seconds."""
    with structlog.testing.capture_logs():
        yield


async def endless() -> StreamingResponse:
    async def beats() -> AsyncIterator[bytes]:
        while True:
            yield b"beat"
            await asyncio.sleep(0.01)

    return StreamingResponse(beats(), headers={"X-Kind": "stream"})


def failing_app() -> ASGIApp:
    app, inner = FastAPI(), FastAPI()

    @app.get("/raises")
    @inner.get("/raises")
    async def raises() -> None:
        raise RuntimeError("nobody expected this")

    @app.get("/fine")
    async def fine() -> str:
        return "fine"

    @app.get("/half")
    async def half() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"half"
            raise RuntimeError("the rest is gone")

        return StreamingResponse(pieces())

    app.head("/endless")(endless)

    @app.post("/body")
    async def body(request: Request) -> int:
        return len(await request.body())

    async def no_page(_request: Request, _error: ApplianceError) -> None:
        return None

    for one in (app, inner):
        error_handlers.install(one, no_page)
    app.mount("/inner", inner)
    return RequestContext(app)


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[httpx.AsyncClient]:
    """One connection to a real server; it is used again as long as it stays open."""
    port = free_port()
    config = uvicorn.Config(
        failing_app(), port=port, http="httptools", log_config=None, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", limits=httpx.Limits(max_connections=1), trust_env=False
        ) as client:
            yield client
    finally:
        server.should_exit = True
        await task


async def test_an_unexpected_failure_is_a_500_in_our_form_with_its_headers() -> None:
    async with serving() as client:
        for path in ("/raises", "/inner/raises"):
            answer = await client.get(path, headers={"x-request-id": "abcdef0123"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
            assert answer.headers["x-request-id"] == "abcdef0123"
            assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_next_request_on_the_same_connection_is_answered() -> None:
    async with serving() as client:
        used = set()
        for path in ("/raises", "/fine", "/inner/raises", "/fine"):
            answer = await client.get(path)
            used.add(answer.extensions["network_stream"].get_extra_info("client_addr"))
        assert len(used) == 1


async def test_a_head_ends_with_its_headers_though_the_body_would_never_end() -> None:
    """Nginx sends the next request on the same connection, whoever it comes from."""
    async with serving() as client:
        used = set()
        for method, path in (("HEAD", "/endless"), ("GET", "/fine"), ("HEAD", "/endless"), ("GET", "/fine")):
            answer = await client.request(method, path, timeout=3)
            assert answer.status_code == 200
            assert (answer.headers.get("x-kind") == "stream") == (path == "/endless")
            used.add(answer.extensions["network_stream"].get_extra_info("client_addr"))
        assert len(used) == 1


async def test_half_an_answer_never_looks_like_a_whole_one() -> None:
    async with serving() as client:
        with contextlib.suppress(httpx.RemoteProtocolError):
            await client.get("/half")
            raise AssertionError("half an answer was taken for a whole one")
        assert (await client.get("/fine")).status_code == 200
