"""The tables that the migrations make are those that the models describe."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import create_async_engine

from appliance.migrations.runner import config, upgrade
from appliance.migrations.tables import metadata
from tests.support.scratch import scratch_database
from tests.support.stack import Stack

NAME = "scratch"


@pytest.fixture
async def scratch(stack: Stack) -> AsyncIterator[URL]:
    """An empty database beside the appliance's own."""
    async with scratch_database(stack, NAME) as url:
        yield url


def _differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True}
    )
    return list(compare_metadata(context, metadata))


async def differences(url: URL) -> list[Any]:
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_differences)
    finally:
        await engine.dispose()


async def test_the_migrations_make_the_tables_that_the_models_describe(scratch: URL) -> None:
    await asyncio.to_thread(upgrade, scratch)
    assert await differences(scratch) == []


async def test_upgrading_what_is_up_to_date_changes_nothing(stack: Stack, scratch: URL) -> None:
    await asyncio.to_thread(upgrade, scratch)
    async with stack.database(NAME) as db:
        await db.execute(
            "insert into slot (slot_id, display_name, provider, operation, updated_by)"
            " values ('slot-001', 'One', 'local', 'glow', 'test')"
        )
    await asyncio.to_thread(upgrade, scratch)
    assert await differences(scratch) == []
    async with stack.database(NAME) as db:
        assert await db.fetchval("select count(*) from slot") == 1


async def test_two_upgrades_at_once_do_not_get_in_each_others_way(scratch: URL) -> None:
    await asyncio.gather(*(asyncio.to_thread(upgrade, scratch) for _ in range(2)))
    assert await differences(scratch) == []


async def test_every_step_can_be_taken_by_itself_with_rows_in_the_tables(stack: Stack, scratch: URL) -> None:
    steps = [step.revision for step in ScriptDirectory.from_config(config()).walk_revisions()][::-1]
    await asyncio.to_thread(upgrade, scratch, steps[0])
    async with stack.database(NAME) as db:
        await db.execute(
            "insert into slot (slot_id, display_name, provider, operation, updated_by)"
            " values ('slot-001', 'One', 'local', 'glow', 'test')"
        )
        await db.execute(
            """insert into job_history (job_id, slot_id, provider, operation, upload_type, upload_size,
                 upload_sha256, upload_sha1, deadline_seconds)
               values (gen_random_uuid(), 'slot-001', 'local', 'glow', 'image/jpeg', 1, '', '', 48)"""
        )
    for step in steps[1:]:
        await asyncio.to_thread(upgrade, scratch, step)
    assert await differences(scratch) == []


def test_the_migrations_stand_in_one_line() -> None:
    assert len(ScriptDirectory.from_config(config()).get_heads()) == 1


async def test_an_upgrade_leaves_the_sha1_of_uploads_to_cleanup_and_the_version_before_may_go_on_writing_it(
    stack: Stack, scratch: URL
) -> None:
    await asyncio.to_thread(upgrade, scratch, "0008")
    job = (
        "insert into job_history (job_id, slot_id, provider, operation, upload_type, upload_size,"
        " upload_sha256, deadline_seconds, upload_sha1)"
        " values (gen_random_uuid(), 'slot-001', 'local', 'glow', 'image/jpeg', 1, '', 48, $1)"
    )
    async with stack.database(NAME) as db:
        await db.execute(
            "insert into slot (slot_id, display_name, provider, operation, updated_by)"
            " values ('slot-001', 'One', 'local', 'glow', 'test')"
        )
        await db.execute(job, "a" * 40)
    await asyncio.to_thread(upgrade, scratch, "0009")
    async with stack.database(NAME) as db:
        assert await db.fetchval("select upload_sha1 from job_history") == "a" * 40, "no rows are rewritten"
        await db.execute(job, "b" * 40)
