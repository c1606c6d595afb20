"""The dashboard's events end within two seconds of the session that opened them, however that ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import httpx
import pytest

from tests.browser.conftest import MakeAccount
from tests.browser.test_over_http import enter, token_in
from tests.support.logins import PASSWORD, bearer, client_at, log_in, new_address
from tests.support.stack import Stack

WITHIN = 2.0
BUSY = 2.0  # more on a busy machine: what the suite itself does to it


@pytest.fixture
async def browser(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with client_at(stack, new_address()) as client:
        client.headers["Accept-Language"] = "en"
        yield client


@pytest.fixture
async def api(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """The same person elsewhere."""
    async with client_at(stack, new_address()) as client:
        yield client


@asynccontextmanager
async def watching(client: httpx.AsyncClient) -> AsyncIterator[AsyncIterator[str]]:
    """The lines of an open stream that has shown its first cards."""
    async with client.stream("GET", "/admin/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.aiter_lines()
        async for line in lines:
            if line.startswith("event: cards"):
                break
        yield lines


async def cards(lines: AsyncIterator[str]) -> str:
    """What the event holds that has begun."""
    read = []
    async for line in lines:
        if not line:
            break
        read.append(line)
    return "\n".join(read)


async def end_of(lines: AsyncIterator[str]) -> float:
    """Read to the stream's end; how long that took."""
    began = time.monotonic()
    async with asyncio.timeout(WITHIN + BUSY):
        async for _ in lines:
            pass
    return time.monotonic() - began


End = Callable[[Stack, str, httpx.AsyncClient, httpx.AsyncClient], Awaitable[None]]


async def another_tab_logs_out(_: Stack, __: str, browser: httpx.AsyncClient, ___: httpx.AsyncClient) -> None:
    token = token_in(await browser.get("/admin/"))
    assert (await browser.post("/admin/logout", data={"csrf": token})).status_code == 303


async def logged_out_everywhere(_: Stack, name: str, __: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    headers = bearer(await log_in(api, name, PASSWORD))
    assert (await api.post("/api/logout-everywhere", headers=headers)).status_code == 204


async def password_changed(_: Stack, name: str, __: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    headers = bearer(await log_in(api, name, PASSWORD))
    body = {"current_password": PASSWORD, "new_password": "another good one"}
    assert (await api.post("/api/password", headers=headers, json=body)).status_code == 200


async def account_removed(stack: Stack, name: str, *_: httpx.AsyncClient) -> None:
    async with stack.database() as db:
        await db.execute("delete from account where username = $1", name)


async def session_too_old(stack: Stack, name: str, *_: httpx.AsyncClient) -> None:
    async with stack.database() as db:
        await db.execute("update login_session set expires_at = now() where username = $1", name)


async def may_look_no_longer(stack: Stack, name: str, *_: httpx.AsyncClient) -> None:
    async with stack.database() as db:
        await db.execute("update account set permissions = '{jobs:read}' where username = $1", name)


@pytest.mark.parametrize(
    "end",
    [
        another_tab_logs_out,
        logged_out_everywhere,
        password_changed,
        account_removed,
        session_too_old,
        may_look_no_longer,
    ],
)
async def test_the_stream_ends_with_its_session(
    stack: Stack, account: MakeAccount, browser: httpx.AsyncClient, api: httpx.AsyncClient, end: End
) -> None:
    name = await account()
    assert (await enter(browser, name)).status_code == 303
    async with watching(browser) as lines:
        await end(stack, name, browser, api)
        print(f"{end.__name__}: {await end_of(lines):.1f} s")  # noqa: T201
    again = await browser.get("/admin/events", headers={"Accept": "text/event-stream"})
    assert again.status_code in (303, 401, 403)


async def test_whose_role_was_lowered_sees_what_it_allows_in_a_new_stream(
    stack: Stack, account: MakeAccount, browser: httpx.AsyncClient
) -> None:
    name = await account()
    assert (await enter(browser, name)).status_code == 303
    async with watching(browser) as lines:
        assert "/pause" in await cards(lines)
        async with stack.database() as db:
            lowered = "update account set role = 'viewer', permissions = '{slots:read}' where username = $1"
            await db.execute(lowered, name)
        await end_of(lines)
    async with watching(browser) as lines:
        assert "/pause" not in await cards(lines)


async def test_the_end_of_another_session_of_the_account_ends_no_stream(
    account: MakeAccount, browser: httpx.AsyncClient, api: httpx.AsyncClient
) -> None:
    name = await account()
    assert (await enter(browser, name)).status_code == 303
    async with watching(browser) as lines:
        headers = bearer(await log_in(api, name, PASSWORD))
        assert (await api.post("/api/logout", headers=headers)).status_code == 204
        with suppress(TimeoutError):
            pytest.fail(f"it ended after {await end_of(lines):.1f} s")
