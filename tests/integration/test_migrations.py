"""The tables that the migrations make are those that the models describe."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import AsyncIterator
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, select
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import create_async_engine

from appliance.core.db import Base, Database
from appliance.jobs.models import JobHistory
from appliance.lifecycle.verbs import migrations
from appliance.migrations.revisions import known, tables_age
from appliance.migrations.runner import config, upgrade
from appliance.migrations.tables import metadata
from appliance.settings.environment import Settings
from appliance.settings.operator import AppSettingsRepository
from tests.support.scratch import scratch_database
from tests.support.stack import CHECKOUT, Stack

NAME = "scratch"
ROWS_OF_0_1_0 = CHECKOUT / "tests/support/rows_of_0_1_0.sql"


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


async def _rows(stack: Stack) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, by the table's name."""
    async with stack.database(NAME) as db:
        tables = await db.fetch("select tablename from pg_tables where schemaname = 'public'")
        names = {row["tablename"] for row in tables} - {"alembic_version"}
        return {name: [dict(row) for row in await db.fetch(f"select * from {name}")] for name in names}


async def test_what_version_0_1_0_had_is_there_after_the_upgrade_and_can_be_read(
    stack: Stack, scratch: URL
) -> None:
    await asyncio.to_thread(upgrade, scratch, "0006")
    async with stack.database(NAME) as db:
        await db.execute(ROWS_OF_0_1_0.read_text(encoding="utf-8"))
    before = await _rows(stack)
    assert min(len(rows) for rows in before.values()) > 0, "each table has a row"
    await asyncio.to_thread(upgrade, scratch)
    after = await _rows(stack)
    for table, rows in before.items():
        for old, new in zip(rows, after[table], strict=True):
            assert {name: new[name] for name in old if name in new} == {
                name: value for name, value in old.items() if name in new
            }, table
    database = Database(scratch, pool_size=1)
    try:
        async with database.session() as session:
            for mapper in Base.registry.mappers:
                found = (await session.scalars(select(mapper.class_))).all()
                assert len(found) == len(after[mapper.local_table.name]), mapper.class_.__name__
            settings = await AppSettingsRepository(session).operator_settings()
            jobs = {job.status: job for job in await session.scalars(select(JobHistory))}
    finally:
        await database.aclose()
    assert (settings.result_ttl_hours, settings.event_title) == (24, "Анна и Пётр")
    assert jobs["done"].by_ai


def test_the_migrations_stand_in_one_line_which_their_files_names_tell() -> None:
    scripts = list(ScriptDirectory.from_config(config()).walk_revisions())
    assert [script.revision for script in reversed(scripts)] == known()
    assert [tables_age(revision) for revision in ("0001", known()[-1], "9999", "")] == [
        "older",
        "current",
        "newer",
        "newer",
    ]


async def test_the_program_names_the_migrations_to_come_that_do_more_than_add(
    scratch: URL, stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(
        database_url=scratch.set(drivername="postgresql").render_as_string(hide_password=False),
        media_root=stack.media,
        secrets_dir=stack.data / "secrets",
        config_file=CHECKOUT / "config/appliance.toml",
    )
    await asyncio.to_thread(upgrade, scratch, "0017")
    assert await migrations(settings, Namespace()) == 1
    assert capsys.readouterr().out.startswith("0018_alerts, 0019_webhooks")
    await asyncio.to_thread(upgrade, scratch)
    assert await migrations(settings, Namespace()) == 0


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
