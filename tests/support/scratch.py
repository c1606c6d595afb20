"""Databases beside the appliance's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from sqlalchemy.engine import URL, make_url

from appliance.migrations.runner import upgrade
from tests.support.stack import Stack

_TEMPLATE = "with_all_tables"
_have_template: set[Path] = set()  # data folders of stacks


def _url(stack: Stack, name: str) -> URL:
    return make_url(stack.dsn(name)).set(drivername="postgresql+asyncpg")


@asynccontextmanager
async def _superuser(stack: Stack) -> AsyncIterator[asyncpg.Connection]:
    password = (stack.data / "secrets/database-superuser-password").read_text().strip()
    address = make_url(stack.dsn("postgres")).set(username="postgres", password=password)
    db = await asyncpg.connect(address.render_as_string(hide_password=False))
    try:
        yield db
    finally:
        await db.close()


@asynccontextmanager
async def scratch_database(stack: Stack, name: str) -> AsyncIterator[URL]:
    """An empty database of this name, which belongs to the app's role; gone after the block."""
    async with _made(stack, name, "template1") as url:
        yield url


@asynccontextmanager
async def migrated_database(stack: Stack, name: str) -> AsyncIterator[URL]:
    """Like ``scratch_database``, with all tables: a copy of one that the migrations have made."""
    if stack.data not in _have_template:
        async with _superuser(stack) as db:
            await db.execute(f"create database {_TEMPLATE} owner photochanger")
        await asyncio.to_thread(upgrade, _url(stack, _TEMPLATE))
        _have_template.add(stack.data)
    async with _made(stack, name, _TEMPLATE) as url:
        yield url


@asynccontextmanager
async def _made(stack: Stack, name: str, template: str) -> AsyncIterator[URL]:
    async with _superuser(stack) as db:
        await db.execute(f"drop database if exists {name} with (force)")
        await db.execute(f"create database {name} owner photochanger template {template}")
        try:
            yield _url(stack, name)
        finally:
            await db.execute(f"drop database {name} with (force)")
