"""Accounts and logged-in clients of the running appliance."""

from __future__ import annotations

import itertools
import os
import re
import time
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import bcrypt
import httpx

from tests.support.stack import CHECKOUT, Stack

PASSWORD = "rain on the tent roof"  # of every account that a test makes

MakeAccount = Callable[..., Awaitable[str]]

_addresses = itertools.count(int.from_bytes(os.urandom(2)) * 8 + 256)


def new_address() -> str:
    """A loopback address that nothing has called from before: a client of its own behind Nginx."""
    number = next(_addresses)
    return f"127.{64 + number // 65_000 % 100}.{number // 254 % 256}.{number % 254 + 1}"


_OTHER_ZONE = re.compile(rb'T\d\d:\d\d:[\d.]+[+-]\d\d:\d\d"')


async def _every_time_ends_in_z(reply: httpx.Response) -> None:
    """In all JSON that any test gets."""
    if reply.headers.get("content-type") == "application/json":
        assert not _OTHER_ZONE.search(await reply.aread()), f"{reply.request.url} answered {reply.text}"


@asynccontextmanager
async def client_at(stack: Stack, address: str | None = None, token: str = "") -> AsyncIterator[Any]:
    """An HTTP client that calls through Nginx from ``address``, with a cookie jar of its own."""
    transport = httpx.AsyncHTTPTransport(local_address=address or "127.0.0.1")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(
        base_url=stack.url,
        transport=transport,
        headers=headers,
        timeout=30,
        trust_env=False,
        event_hooks={"response": [_every_time_ends_in_z]},
    ) as made:
        yield made


def permissions_of(role: str) -> list[str]:
    """What the shipped configuration gives a role."""
    config = tomllib.loads((CHECKOUT / "config/appliance.toml").read_text())
    found: list[str] = config["roles"][role]["permissions"]
    return found


def _quick_hash(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


async def make_first_passwords_quick(stack: Stack) -> None:
    """Those of a new installation stay what they are, and comparing one takes no fifth of a second any more:
    each start of an app, each login and each backup that is put in begins with that.
    """
    first = stack.first_passwords
    async with stack.database() as db:
        await db.execute(
            "update app_settings set value = value || jsonb_build_object('hash', $1::text)"
            " where key = 'ingest_password'",
            _quick_hash(first["ingest"]),
        )
        for name, password in first["accounts"].items():
            change = "update account set password_hash = $2 where username = $1"
            await db.execute(change, name, _quick_hash(password))


async def add_account(stack: Stack, username: str, password: str, role: str) -> None:
    """An account as ``seed`` would make it, with a hash that is quick to check."""
    hashed = _quick_hash(password)
    async with stack.database() as db:
        await db.execute(
            "insert into account (username, password_hash, role, permissions) values ($1, $2, $3, $4)"
            " on conflict (username) do nothing",
            username,
            hashed,
            role,
            permissions_of(role),
        )


async def log_in(client: httpx.AsyncClient, username: str, password: str) -> httpx.Response:
    """``POST /api/login``."""
    return await client.post("/api/login", json={"username": username, "password": password})


def bearer(granted: httpx.Response) -> dict[str, str]:
    """The header that uses the access token just granted."""
    assert granted.status_code == 200, granted.text
    return {"Authorization": f"Bearer {granted.json()['access_token']}"}


def code(refused: httpx.Response) -> tuple[int, str]:
    """Status and error code."""
    return refused.status_code, refused.json()["error"]["code"]


class Logins:
    """Access tokens of the suite's accounts, each fetched once and again before it expires."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._tokens: dict[str, tuple[str, float]] = {}

    async def token(self, username: str, password: str) -> str:
        token, until = self._tokens.get(username, ("", 0.0))
        if time.monotonic() > until:
            async with client_at(self._stack) as client:
                reply = await log_in(client, username, password)
            assert reply.status_code == 200, reply.text
            token = reply.json()["access_token"]
            self._tokens[username] = token, time.monotonic() + reply.json()["expires_in"] - 180
        return token

    def forget(self) -> None:
        """After a test that made tokens worthless."""
        self._tokens.clear()
