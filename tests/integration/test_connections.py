"""Connections to the database: kept, and replaced unnoticed when the server has ended them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_connection
from sqlalchemy.engine import make_url

from appliance.core import db
from tests.support.stack import Stack
from tests.support.waiting import until

MINE = "select pg_backend_pid()"


@pytest.fixture
async def database(stack: Stack) -> AsyncIterator[db.Database]:
    opened = db.Database(make_url(stack.dsn()).set(drivername="postgresql+asyncpg"), pool_size=1)
    yield opened
    await opened.aclose()


async def backend(database: db.Database) -> int:
    """The server's process that a session has."""
    async with database.session() as session:
        return int(await session.scalar(text(MINE)) or 0)


async def test_sessions_use_the_same_connection_again(database: db.Database) -> None:
    assert await backend(database) == await backend(database)


async def test_a_connection_that_the_server_has_ended_is_replaced_unnoticed(
    database: db.Database, stack: Stack
) -> None:
    before = await backend(database)
    async with stack.database() as other:
        await other.execute("select pg_terminate_backend($1)", before)
        gone = "select not exists (select from pg_stat_activity where pid = $1)"
        await until(lambda: other.fetchval(gone, before))
    assert await backend(database) != before


async def test_one_that_does_not_answer_after_a_rest_is_replaced_too(
    database: db.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgotten(_: AsyncAdapt_asyncpg_connection) -> None:
        raise ConnectionResetError  # as after a firewall has forgotten it, which the driver cannot know

    before = await backend(database)
    monkeypatch.setattr(AsyncAdapt_asyncpg_connection, "ping", forgotten)
    assert await backend(database) == before, "it has not rested"
    monkeypatch.setattr(db, "ASKED_AFTER", 0.0)
    assert await backend(database) != before
